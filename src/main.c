/* SPDX-License-Identifier: MIT */
/* The program: everything is in the library, so that tests link what ships. */
#include "command.h"

int
main(int argc, char **argv)
{
	return command_run(argc, argv);
}
