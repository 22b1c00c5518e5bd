/* SPDX-License-Identifier: MIT */
/* Reach a table with input that nobody judged: this must not compile. */
#include "store/store.h"

int
main(void)
{
	struct scope sc = { 0 };
	struct input forged = { 0 };
	struct outcome out;

	return store_run(&sc, (void *)0, (void *)0, &forged, &out);
}
