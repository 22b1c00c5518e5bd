/* SPDX-License-Identifier: MIT */
/* Reach a table without having been identified: this must not compile. */
#include "store/store.h"

int
main(void)
{
	struct scope sc = { 0 };
	struct caller me = { "service_role" };
	struct outcome out;

	return store_run(&sc, (void *)0, &me, (void *)0, &out);
}
