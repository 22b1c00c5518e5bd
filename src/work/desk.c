/* SPDX-License-Identifier: MIT */
/*
 * Connections of threads that call services.  Such a thread speaks to the
 * database for a moment before a call and for a moment after it, so a few
 * connections serve many calls; none is held while a service is waited for.
 */
#include "work/internal.h"

#include <stdlib.h>

#include "base/room.h"

struct desk {
	pthread_mutex_t lock;
	pthread_cond_t freed;
	struct store **stores;		/* [free] are there to be borrowed */
	unsigned free, count;
};

struct desk *
desk_new(const struct work_options *o)
{
	struct desk *desk = room(1, sizeof(*desk));

	pthread_mutex_init(&desk->lock, NULL);
	pthread_cond_init(&desk->freed, NULL);
	desk->count = desk->free = o->call_connections < o->calls ?
	    o->call_connections : o->calls;
	desk->stores = room(desk->count, sizeof(struct store *));
	for (unsigned i = 0; i < desk->count; i++)
		desk->stores[i] = store_new(&o->store, o->contract);
	return desk;
}

void
desk_free(struct desk *desk)
{
	if (desk == NULL)
		return;
	for (unsigned i = 0; i < desk->free; i++)
		store_free(desk->stores[i]);
	pthread_cond_destroy(&desk->freed);
	pthread_mutex_destroy(&desk->lock);
	free(desk->stores);
	free(desk);
}

struct store *
desk_borrow(struct desk *desk)
{
	struct store *ret;

	pthread_mutex_lock(&desk->lock);
	while (desk->free == 0)
		pthread_cond_wait(&desk->freed, &desk->lock);
	/* The one that was given back last: it is connected. */
	ret = desk->stores[--desk->free];
	pthread_mutex_unlock(&desk->lock);
	return ret;
}

void
desk_give_back(struct desk *desk, struct store *store)
{
	pthread_mutex_lock(&desk->lock);
	desk->stores[desk->free++] = store;
	pthread_cond_signal(&desk->freed);
	pthread_mutex_unlock(&desk->lock);
}
