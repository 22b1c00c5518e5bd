/* SPDX-License-Identifier: MIT */
/*
 * Prints the plan of the contract in a directory, or its faults: what the
 * golden tests compare.  Exits like diff: 0 a plan, 1 faults, 2 trouble.
 */
#include <stdio.h>

#include "contract/contract.h"

enum { OUTPUT_MAX = 1 << 22 };

int
main(int argc, char **argv)
{
	struct contract *contract;
	struct buf out;
	int status = 0;

	if (argc != 2) {
		fprintf(stderr, "usage: describe DIRECTORY\n");
		return 2;
	}
	buf_init(&out, OUTPUT_MAX);
	contract = contract_load(argv[1], &out);
	if (contract != NULL)
		contract_describe(contract, &out);
	else
		status = 1;
	contract_free(contract);
	if (out.failed || fwrite(out.at, 1, out.length, stdout) != out.length ||
	    fflush(stdout) != 0)
		status = 2;
	buf_release(&out);
	return status;
}
