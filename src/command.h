/* SPDX-License-Identifier: MIT */
#ifndef COMMAND_H
#define COMMAND_H

/*
 * Runs `lockstep COMMAND ...`.  Exit codes as of diff: 0 = well, 1 = found
 * something, 2 = trouble, with one sentence and a hint on standard error.
 */
int command_run(int argc, char **argv);

#endif
