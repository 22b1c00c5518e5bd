/* SPDX-License-Identifier: MIT */
#ifndef STORE_SQL_H
#define STORE_SQL_H

#include "store/internal.h"

/*
 * What the makers of SQL share: sql_list.c makes reads and lists, sql_write.c
 * what changes rows, sql.c the rest and these.  Private to store/.
 */

/* Adds a parameter and returns its number; put_param() writes it as $n. */
size_t add_param(struct query *q, const char *value);
void put_param(struct query *q, const char *value);

/* `"id", "title"`: the query's columns; the same of any fields. */
void put_columns(struct query *q);
void put_fields(struct buf *sql, const struct field *const *fields,
    size_t count);

/* ` where "id" = $1`: the row that the plan's key names. */
void put_key(struct query *q, const struct plan *plan);

/*
 * `left(encode(sha256(convert_to(row("id", ...)::text, 'UTF8')), 'hex'), 32)`:
 * the row's entity tag, of all columns that the resource ever tells, whatever
 * was selected, so that one tag serves each view of the row.
 */
void put_tag(struct buf *sql, const struct resource *resource);

/* Does the statement of the plan tell the row's tag, in its last column? */
bool tells_tag(const struct plan *plan);

/* What is told goes first; then each that is needed besides, once. */
void need_column(struct query *q, const struct field *field);

/* The statements. */
void sql_list(const struct plan *plan, struct query *q);
void sql_read(const struct plan *plan, struct query *q);
void sql_create(const struct plan *plan, struct query *q);
void sql_update(const struct plan *plan, struct query *q);
void sql_delete(const struct plan *plan, struct query *q);

#endif
