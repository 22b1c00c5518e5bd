/* SPDX-License-Identifier: MIT */
/*
 * A rollup -> its SQL.  The texts below are what is made, with @names@ for what
 * differs between rollups, each a line of the table at the end; migration 0026
 * says why they are as they are.
 *
 * Figures are added up, so they are integers or numeric, and what is taken away
 * is added negatively.  A least or greatest value cannot be taken away: a delta
 * that takes rows away says "recount", and until it is folded the reader finds
 * the value in the table, in that bucket alone.
 */
#include "tool/rollup.h"

#include <stdlib.h>
#include <string.h>

#include "tool/drift.h"
#include "tool/rollup_piece.h"
#include "tool/tool.h"

enum { SQL_MAX = 1 << 20 };

/* ---- Functions: their bodies. ---- */

/* Rows that an update left as they were, as far as we look, are no change. */
static const char write_text[] =
"begin\n"
"	if tg_op = 'TRUNCATE' then\n"
"		raise exception using errcode = 'feature_not_supported',\n"
"			message = 'rows of @source@ are counted: delete them';\n"
"	elsif tg_op = 'INSERT' then\n"
"		insert into @delta@ (@keys@, bucket, rows@columns@)\n"
"		select @s.keys@, @s.bucket@, count(*)@plus@\n"
"		from new_rows s\n"
"		group by @numbers@;\n"
"@values.insert@"
"	elsif tg_op = 'DELETE' then\n"
"		insert into @delta@ (@keys@, bucket, rows@columns@@recount@)\n"
"		select @s.keys@, @s.bucket@, -count(*)@minus@@true@\n"
"		from old_rows s\n"
"		group by @numbers@;\n"
"@values.delete@"
"	else\n"
"		insert into @delta@ (@keys@, bucket, rows@columns@@recount@)\n"
"		select @c.keys@, c.bucket, sum(c.rows)@c.sums@@c.recount@\n"
"		from (\n"
"			select @s.keys@, @s.bucket@ as bucket,\n"
"				count(*) as rows@plus.named@@false.named@\n"
"			from (select @s.fields@ from new_rows s except all\n"
"				select @s.fields@ from old_rows s) s\n"
"			group by @numbers@\n"
"			union all\n"
"			select @s.keys@, @s.bucket@,\n"
"				-count(*)@minus@@true@\n"
"			from (select @s.fields@ from old_rows s except all\n"
"				select @s.fields@ from new_rows s) s\n"
"			group by @numbers@\n"
"		) c\n"
"		group by @numbers@;\n"
"@values.update@"
"	end if;\n"
"	return null;\n"
"end\n";

static const char fold_text[] =
"declare\n"
"	folded bigint;\n"
"begin\n"
"	-- One statement: what is deleted and what is added are of one snapshot.\n"
"	with gone as (\n"
"		delete from @delta@ d\n"
"		where d.id = any (array(select o.id from @delta@ o\n"
"			order by o.id limit most))\n"
"		returning d.*\n"
"	), sums as (\n"
"		select @d.keys@, d.bucket, sum(d.rows) as rows@d.sums@@d.recount@\n"
"		from gone d\n"
"		group by @numbers@\n"
"	), added as (\n"
"		insert into @base@ as b (@keys@, bucket, rows@columns@@recounted@)\n"
"		select @d.keys@, d.bucket, d.rows@fresh@@d.recounted@\n"
"		from sums d@lateral@\n"
"		on conflict (@keys@, bucket) do update\n"
"		set rows = b.rows + excluded.rows@merge@\n"
"	)\n"
"	select count(*) into folded from gone;\n"
"	delete from @base@ b where b.rows = 0;\n"
"@values.fold@"
"	return folded;\n"
"end\n";

static const char recount_text[] =
"begin\n"
"	-- One statement: the deltas that go are of rows that are counted.\n"
"	with gone as (\n"
"		delete from @delta@ d\n"
"		where d.bucket >= since and d.bucket < until\n"
"	), counted as (\n"
"		select @s.keys@, @s.bucket@ as bucket,\n"
"			count(*) as rows@plus.named@\n"
"		from @source@ s\n"
"		where s.@time@ >= since and s.@time@ < until\n"
"		group by @numbers@\n"
"	), kept as (\n"
"		select @b.keys@, b.bucket from @base@ b\n"
"		where b.bucket >= since and b.bucket < until\n"
"	)\n"
"	insert into @base@ as b (@keys@, bucket, rows@columns@)\n"
"	select @keys@, bucket, coalesce(c.rows, 0)@c.zeros@\n"
"	from counted c full join kept k using (@keys@, bucket)\n"
"	on conflict (@keys@, bucket) do update\n"
"	set rows = excluded.rows@set@\n"
"	where (b.rows@b.columns@) is distinct from\n"
"		(excluded.rows@excluded.columns@);\n"
"	delete from @base@ b where b.rows = 0;\n"
"@values.recount@"
"end\n";

static const char compare_text[] =
"	select coalesce(k.key, c.key), coalesce(k.bucket, c.bucket),\n"
"		k.figures, c.figures\n"
"	from (\n"
"		select jsonb_build_object(@v.pairs@) as key, v.bucket,\n"
"			to_jsonb(v) as figures\n"
"		from @view@ v where v.bucket >= since and v.bucket < until\n"
"	) k full join (\n"
"		select jsonb_build_object(@v.pairs@) as key, v.bucket,\n"
"			to_jsonb(v) as figures\n"
"		from (\n"
"			select @s.keys@, @s.bucket@ as bucket,\n"
"				count(*) as rows@figures@\n"
"			from @source@ s\n"
"			where s.@time@ >= since and s.@time@ < until\n"
"			group by @numbers@\n"
"		) v\n"
"	) c on k.key = c.key and k.bucket = c.bucket\n";

/* ---- The migration. ---- */

static const char migration_text[] =
"-- SPDX-License-Identifier: MIT\n"
"--\n"
"-- @name@: made by `lockstep gen rollup @name@`, of @file@.\n"
"-- Made again it takes the place of what is there, which is filled anew while\n"
"-- everything goes on. Locks @source@ for a moment: no row is read here.\n"
"\n"
"drop trigger if exists @name@_insert on @source@;\n"
"drop trigger if exists @name@_update on @source@;\n"
"drop trigger if exists @name@_delete on @source@;\n"
"drop trigger if exists @name@_truncate on @source@;\n"
"drop function if exists @view@_between(timestamptz, timestamptz);\n"
"drop view if exists @view@;\n"
"drop table if exists @base@, @delta@, @view@_values;\n"
"drop function if exists @view@_write();\n"
"drop function if exists @view@_fold(integer);\n"
"drop function if exists @view@_recount(timestamptz, timestamptz);\n"
"drop function if exists @view@_compare(timestamptz, timestamptz);\n"
"\n"
"create table @base@ (\n"
"@key.columns@"
"	bucket timestamptz not null,\n"
"	rows bigint not null@typed@@recounted.typed@,\n"
"	primary key (@keys@, bucket)\n"
");\n"
"create index @name@_base_bucket_idx on @base@ (bucket);\n"
"create index @name@_base_empty_idx on @base@ (bucket) where rows = 0;\n"
"\n"
"create table @delta@ (\n"
"	id bigint generated always as identity primary key,\n"
"@key.columns@"
"	bucket timestamptz not null,\n"
"	rows bigint not null@typed@@recount.typed@,\n"
"	written_at timestamptz not null default clock_timestamp()\n"
") with (autovacuum_vacuum_scale_factor = 0.01,\n"
"	autovacuum_vacuum_threshold = 5000);\n"
"create index @name@_delta_key_idx on @delta@ (@keys@, bucket);\n"
"@values.create@"
"\n"
"\n"
"create view @view@ with (security_invoker = true) as\n"
"select @u.keys@, u.bucket, sum(u.rows)::bigint as rows@view.columns@\n"
"from (\n"
"	select @b.keys@, b.bucket, b.rows@b.columns@@false.named@\n"
"	from @base@ b\n"
"	union all\n"
"	select @d.keys@, d.bucket, d.rows@d.columns@@d.flag@\n"
"	from @delta@ d\n"
") u\n"
"group by @numbers@\n"
"having sum(u.rows) <> 0;\n"
"\n"
"create function @view@_write() returns trigger\n"
"language plpgsql security definer\n"
"set search_path = pg_catalog, pg_temp\n"
"as $$\n@write.body@$$;\n"
"\n"
"-- Adds at most so many deltas to the base; how many it were.\n"
"create function @view@_fold(most integer) returns bigint\n"
"language plpgsql security definer\n"
"set search_path = pg_catalog, pg_temp\n"
"as $$\n@fold.body@$$;\n"
"\n"
"-- Counts the buckets from the one time to the other anew.\n"
"create function @view@_recount(since timestamptz, until timestamptz)\n"
"returns void\n"
"language plpgsql security definer\n"
"set search_path = pg_catalog, pg_temp\n"
"as $$\n@recount.body@$$;\n"
"\n"
"-- Their figures as they are kept, and as they are when they are counted.\n"
"create function @view@_compare(since timestamptz, until timestamptz)\n"
"returns table (key jsonb, bucket timestamptz, kept jsonb, counted jsonb)\n"
"language sql stable security definer\n"
"set search_path = pg_catalog, pg_temp\n"
"as $$\n@compare.body@$$;\n"
"\n"
"-- The figures of rows from the one time to before the other, with the reader's\n"
"-- own rights: whole buckets as they are kept, and the rows at both edges. All\n"
"-- are rows while the rollup is filled.\n"
"create function @view@_between(since timestamptz, until timestamptz)\n"
"returns table (@between.gives@)\n"
"language sql stable\n"
"begin atomic\n"
"	select @u.keys@, sum(u.rows)::bigint@u.between@\n"
"	from (\n"
"		select @v.keys@, v.rows@v.columns@\n"
"		from @view@ v\n"
"		where v.bucket >= (select case\n"
"			when lockstep.rollup_is_ready('@name@')\n"
"			then @ceil.since@ else until end)\n"
"		and v.bucket < (select @floor.until@)\n"
"		union all\n"
"		select @s.keys@, count(*)@plus@\n"
"		from @source@ s\n"
"		where s.@time@ >= since and s.@time@ < (select case\n"
"			when lockstep.rollup_is_ready('@name@')\n"
"			then least(until, @ceil.since@) else until end)\n"
"		group by @key.numbers@\n"
"		union all\n"
"		select @s.keys@, count(*)@plus@\n"
"		from @source@ s\n"
"		where s.@time@ < until and s.@time@ >= (select case\n"
"			when lockstep.rollup_is_ready('@name@')\n"
"			then greatest(@floor.until@,\n"
"				@ceil.since@)\n"
"			else until end)\n"
"		group by @key.numbers@\n"
"	) u\n"
"	group by @key.numbers@;\n"
"end;\n"
"\n"
"create trigger @name@_insert after insert on @source@\n"
"	referencing new table as new_rows\n"
"	for each statement execute function @view@_write();\n"
"create trigger @name@_update after update on @source@\n"
"	referencing old table as old_rows new table as new_rows\n"
"	for each statement execute function @view@_write();\n"
"create trigger @name@_delete after delete on @source@\n"
"	referencing old table as old_rows\n"
"	for each statement execute function @view@_write();\n"
"create trigger @name@_truncate before truncate on @source@\n"
"	for each statement execute function @view@_write();\n"
"\n"
"revoke execute on function @view@_write(), @view@_fold(integer),\n"
"	@view@_recount(timestamptz, timestamptz),\n"
"	@view@_compare(timestamptz, timestamptz),\n"
"	@view@_between(timestamptz, timestamptz) from public;\n"
"grant usage on schema @schema@ to lockstep_rollup;\n"
"grant create on schema @schema@ to lockstep_rollup;\n"
"alter function @view@_write() owner to lockstep_rollup;\n"
"alter function @view@_fold(integer) owner to lockstep_rollup;\n"
"alter function @view@_recount(timestamptz, timestamptz)\n"
"	owner to lockstep_rollup;\n"
"alter function @view@_compare(timestamptz, timestamptz)\n"
"	owner to lockstep_rollup;\n"
"revoke create on schema @schema@ from lockstep_rollup;\n"
"@readers.execute@"
"\n"
"-- As policies/@name@.sql, so that no statement meets a table without them.\n"
"@access@"
"select lockstep.register_rollup('@name@', '@schema@', '@source@', '@time@',\n"
"	interval '@interval@', @window@);\n";

static const char policies_text[] =
"-- SPDX-License-Identifier: MIT\n"
"--\n"
"-- @name@, made by `lockstep gen rollup @name@ --policies`: who reads the\n"
"-- figures is who reads the rows, by the policies of @source@. The\n"
"-- triggers and the folding act as lockstep_rollup, which policies of\n"
"-- @source@ let read, too:\n"
"--\n"
"--	grant select (@fields@)\n"
"--		on @source@ to lockstep_rollup;\n"
"--	create policy lockstep_rollup_select on @source@\n"
"--		for select to lockstep_rollup\n"
"--		using (true);\n"
"\n"
"@access@";

static const char table_access_text[] =
"select lockstep.reset_access('@table@');\n"
"alter table @table@ enable row level security;\n"
"alter table @table@ force row level security;\n"
"grant select, insert, update, delete on @table@ to lockstep_rollup;\n"
"create policy lockstep_rollup_all on @table@\n"
"	for all to lockstep_rollup\n"
"	using (true)\n"
"	with check (true);\n";

/* ---- Distinct values: a table of them, with how many rows have each. ---- */

static const char values_create_text[] =
"\n"
"-- Values by measure and how many rows have them; those that are not folded\n"
"-- are added to the others by and by.\n"
"create table @values@ (\n"
"	id bigint generated always as identity primary key,\n"
"@key.columns@"
"	bucket timestamptz not null,\n"
"	measure text not null,\n"
"	value text not null,\n"
"	n bigint not null,\n"
"	folded boolean not null default false\n"
") with (autovacuum_vacuum_scale_factor = 0.01,\n"
"	autovacuum_vacuum_threshold = 5000);\n"
"create index @name@_values_key_idx on @values@\n"
"	(@keys@, bucket, measure, value);\n"
"create index @name@_values_bucket_idx on @values@ (bucket);\n"
"create index @name@_values_waiting_idx on @values@ (id) where not folded;\n";

static const char values_change_text[] =
"		insert into @values@ (@keys@, bucket, measure, value, n)\n"
"		select @s.keys@, @s.bucket@, '@measure@', s.@column@::text,\n"
"			@sign@count(*)\n"
"		from @rows@ s\n"
"		where s.@column@ is not null@and@\n"
"		group by @numbers@, s.@column@;\n";

static const char values_recount_text[] =
"	with gone as (\n"
"		delete from @values@ v where v.bucket >= since and v.bucket < until\n"
"		and v.measure = '@measure@'\n"
"	)\n"
"	insert into @values@ (@keys@, bucket, measure, value, n, folded)\n"
"	select @s.keys@, @s.bucket@, '@measure@', s.@column@::text, count(*),\n"
"		true\n"
"	from @source@ s\n"
"	where s.@time@ >= since and s.@time@ < until\n"
"	and s.@column@ is not null@and@\n"
"	group by @numbers@, s.@column@;\n";

static const char values_fold_text[] =
"	with gone as (\n"
"		delete from @values@ v\n"
"		where v.id = any (array(select o.id from @values@ o\n"
"			where not o.folded order by o.id limit most))\n"
"		returning v.*\n"
"	), sums as (\n"
"		select @v.keys@, v.bucket, v.measure, v.value, sum(v.n) as n\n"
"		from gone v\n"
"		group by @numbers@, v.measure, v.value\n"
"	), before as (\n"
"		delete from @values@ v using sums s\n"
"		where v.folded and @v.same@ and v.bucket = s.bucket\n"
"		and v.measure = s.measure and v.value = s.value\n"
"		returning v.*\n"
"	)\n"
"	insert into @values@ (@keys@, bucket, measure, value, n, folded)\n"
"	select @v.keys@, v.bucket, v.measure, v.value, sum(v.n), true\n"
"	from (\n"
"		select @v.keys@, v.bucket, v.measure, v.value, v.n from sums v\n"
"		union all\n"
"		select @v.keys@, v.bucket, v.measure, v.value, v.n from before v\n"
"	) v\n"
"	group by @numbers@, v.measure, v.value\n"
"	having sum(v.n) <> 0;\n";

/* ---- Filling in. ---- */

struct filling {
	const struct rollup_draft *d;
	const struct measure *measure;	/* of distinct values, or NULL */
	const char *sign, *rows;	/* then */
	const char *table;		/* whose access it is, or NULL */
};

static void fill(const struct filling *f, const char *text, struct buf *out);

/* The text for each measure of distinct values. */
static void
fill_values(const struct filling *f, const char *text, const char *sign,
    const char *rows, struct buf *out)
{
	const struct rollup *r = f->d->rollup;

	for (size_t i = 0; i < r->measure_count; i++)
		if (r->measures[i].kind == MEASURE_DISTINCT)
			fill(&(struct filling){ .d = f->d, .sign = sign,
			    .measure = &r->measures[i], .rows = rows }, text,
			    out);
}

static void
fill_update(const struct filling *f, struct buf *out)
{
	fill_values(f, values_change_text, "", "(select @s.fields@ from "
	    "new_rows s except all\n\t\t\tselect @s.fields@ from old_rows s)",
	    out);
	fill_values(f, values_change_text, "-", "(select @s.fields@ from "
	    "old_rows s except all\n\t\t\tselect @s.fields@ from new_rows s)",
	    out);
}

/* All readers. */
static const char *
readers(const struct rollup_draft *d)
{
	const char *list = "";

	for (size_t i = 0; d->source != NULL && i < d->catalog->role_count;
	    i++)
		if (rollup_reads(d, i))
			list = arena_format(d->arena, "%s%s%s", list,
			    *list != '\0' ? ", " : "", rollup_quoted(d->arena,
			    d->catalog->roles[i].name));
	return list;
}

/* Whom a policy of the kept tables is for, as it is written at the source. */
static const char *
readers_of(const struct rollup_draft *d, const struct catalog_policy *p)
{
	const char *list = "";

	if (!rollup_is_for_callers(d, p))
		return list;
	for (size_t i = 0; i < p->role_count; i++)
		if (!rollup_is_own_role(p->roles[i]))
			list = arena_format(d->arena, "%s%s%s", list,
			    *list != '\0' ? ", " : "", rollup_quoted(d->arena,
			    p->roles[i]));
	return list;
}

static void
fill_policies(const struct rollup_draft *d, const char *table,
    struct buf *out)
{
	for (size_t i = 0; i < d->source->policy_count; i++) {
		const struct catalog_policy *p = &d->source->policies[i];
		const char *roles = readers_of(d, p);

		if (*roles == '\0' || p->using_sql == NULL)
			continue;
		buf_format(out, "create policy %s on %s%s\n"
		    "	for select to %s\n	using (%s);\n",
		    rollup_quoted(d->arena, p->name), table, p->restrictive ?
		    "\n	as restrictive" : "", roles, p->using_sql);
	}
}

static void
fill_access(const struct filling *f, struct buf *out)
{
	const struct rollup_draft *d = f->d;
	const char *who = readers(d), *table;

	for (size_t i = 0; (table = rollup_relation(d->arena, d->rollup, i)) !=
	    NULL; i++) {
		const char *name = arena_format(d->arena, "%s.%s",
		    rollup_quoted(d->arena,
			d->rollup->resource->table.schema_name),
		    rollup_quoted(d->arena, table));

		if (i == 0) {
			buf_format(out, "select lockstep.reset_access('%s');\n"
			    "grant select on %s to lockstep_rollup%s%s;\n\n",
			    name, name, *who != '\0' ? ", " : "", who);
			continue;
		}
		fill(&(struct filling){ .d = d, .table = name },
		    table_access_text, out);
		if (*who != '\0')
			buf_format(out, "grant select on %s to %s;\n", name,
			    who);
		fill_policies(d, name, out);
		buf_char(out, '\n');
	}
}

/* Texts that are filled in themselves. */
static bool
fill_text(const struct filling *f, const char *word, struct buf *out)
{
	static const char *const functions[] = { "write", "fold", "recount",
		"compare" };
	static const char *const bodies[] = { write_text, fold_text,
		recount_text, compare_text };
	bool distinct = rollup_has(f->d->rollup, MEASURE_DISTINCT);

	for (size_t i = 0; i < countof(functions); i++)
		if (strcmp(word, arena_format(f->d->arena, "%s.body",
		    functions[i])) == 0) {
			fill(f, bodies[i], out);
			return true;
		}
	if (strcmp(word, "values.insert") == 0)
		fill_values(f, values_change_text, "", "new_rows", out);
	else if (strcmp(word, "values.delete") == 0)
		fill_values(f, values_change_text, "-", "old_rows", out);
	else if (strcmp(word, "values.update") == 0)
		fill_update(f, out);
	else if (strcmp(word, "values.recount") == 0)
		fill_values(f, values_recount_text, "", "", out);
	else if (strcmp(word, "values.fold") == 0)
		fill(f, distinct ? values_fold_text : "", out);
	else if (strcmp(word, "values.create") == 0)
		fill(f, distinct ? values_create_text : "", out);
	else if (strcmp(word, "access") == 0)
		fill_access(f, out);
	else
		return false;
	return true;
}

/* What is of a measure, or of a table, that is being gone through. */
static bool
fill_word(const struct filling *f, const char *word, struct buf *out)
{
	if (strcmp(word, "readers.execute") == 0) {
		if (*readers(f->d) != '\0')
			buf_format(out, "grant execute on function %s_between("
			    "timestamptz, timestamptz)\n	to %s;\n",
			    rollup_name(f->d, ""), readers(f->d));
	} else if (f->table != NULL && strcmp(word, "table") == 0)
		buf_string(out, f->table);
	else if (f->measure != NULL && strcmp(word, "measure") == 0)
		buf_string(out, f->measure->name);
	else if (f->measure != NULL && strcmp(word, "column") == 0)
		buf_string(out, rollup_quoted(f->d->arena,
		    f->measure->field->name));
	else if (f->measure != NULL && strcmp(word, "and") == 0)
		buf_string(out, rollup_and(f->d, f->measure));
	else if (f->measure != NULL && strcmp(word, "sign") == 0)
		buf_string(out, f->sign);
	else if (f->measure != NULL && strcmp(word, "rows") == 0)
		fill(f, f->rows, out);
	else
		return false;
	return true;
}

static void
fill(const struct filling *f, const char *text, struct buf *out)
{
	const char *at, *end;

	while ((at = strchr(text, '@')) != NULL) {
		const char *word;

		buf_add(out, text, (size_t)(at - text));
		if ((end = strchr(at + 1, '@')) == NULL)
			abort();
		word = arena_copy(f->d->arena, at + 1, (size_t)(end - at - 1));
		/* A name that nobody knows is a slip in the texts above. */
		if (!fill_word(f, word, out) && !fill_text(f, word, out) &&
		    !rollup_piece(f->d, word, strlen(word), out))
			abort();
		text = end + 1;
	}
	buf_string(out, text);
}

/* ---- For others. ---- */

const char *
rollup_text(const struct rollup_draft *d, enum rollup_part part)
{
	static const char *const texts[ROLLUP_PART_COUNT] = {
		[ROLLUP_WRITE] = write_text, [ROLLUP_FOLD] = fold_text,
		[ROLLUP_RECOUNT] = recount_text,
		[ROLLUP_COMPARE] = compare_text,
		[ROLLUP_MIGRATION] = migration_text,
		[ROLLUP_POLICIES] = policies_text,
	};
	const char *ret;
	struct buf out;

	buf_init(&out, SQL_MAX);
	/* Dollar quotes have a line of their own at both ends. */
	if (part < ROLLUP_FUNCTION_COUNT)
		buf_char(&out, '\n');
	fill(&(struct filling){ .d = d }, texts[part], &out);
	ret = arena_copy(d->arena, out.at, out.length);
	buf_release(&out);
	return ret;
}

/* ---- gen rollup. ---- */

static bool
is_wanted(const struct gen_options *o, const struct rollup *r)
{
	return o->rollup == NULL || strcmp(o->rollup, r->name) == 0;
}

/* Are there some whom the figures could not be kept from? */
static bool
refuse_readers(const struct rollup_draft *d, struct buf *fault)
{
	const struct catalog_table *t = d->source;
	const char *column, *why;

	for (size_t i = 0; i < t->policy_count; i++) {
		why = rollup_policy_refusal(d, &t->policies[i]);
		if (why == NULL)
			continue;
		buf_format(fault, "%s: the policy %s of %s.%s %s",
		    d->rollup->file, t->policies[i].name, t->schema, t->name,
		    why);
		return true;
	}
	for (size_t i = 0; i < d->catalog->role_count; i++) {
		if ((column = rollup_kept_from(d, i)) == NULL)
			continue;
		buf_format(fault, "%s: the role %s reads rows of %s.%s, but "
		    "may not select \"%s\", which is counted; so the figures "
		    "would tell it of what is kept from it", d->rollup->file,
		    d->catalog->roles[i].name, t->schema, t->name, column);
		return true;
	}
	return false;
}

static bool
refuse(const struct rollup_draft *d, struct buf *fault)
{
	const struct rollup *r = d->rollup;
	const char *column, *why;

	if (d->source == NULL) {
		buf_format(fault, "%s: the database has no table %s.%s",
		    r->file, r->resource->table.schema_name,
		    r->resource->table.name);
		return true;
	}
	if ((why = rollup_refusal(d, &column)) != NULL) {
		buf_format(fault, "%s: %s.%s%s%s: %s", r->file,
		    d->source->schema, d->source->name, *column != '\0' ?
		    "." : "", column, why);
		return true;
	}
	return refuse_readers(d, fault);
}

static struct rollup_draft
draft_of(struct arena *arena, const struct catalog *catalog,
    const struct rollup *r)
{
	return (struct rollup_draft){ .arena = arena, .rollup = r,
		.catalog = catalog,
		.source = catalog_table(catalog, &r->resource->table) };
}

bool
tool_rollup_refused(const struct gen_options *o,
    const struct contract *contract, struct buf *fault)
{
	size_t count, wanted = 0;
	const struct rollup *all = contract_rollups(contract, &count);
	struct arena *arena = arena_new();
	bool refused = false;

	for (size_t i = 0; i < count && !refused; i++) {
		struct rollup_draft d = draft_of(arena, o->catalog, &all[i]);

		if (!is_wanted(o, &all[i]))
			continue;
		wanted++;
		refused = refuse(&d, fault);
	}
	arena_free(arena);
	if (!refused && wanted == 0)
		buf_format(fault, "the contract has no rollup%s%s",
		    o->rollup != NULL ? " " : "",
		    o->rollup != NULL ? o->rollup : "");
	return refused || wanted == 0;
}

void
tool_rollup(const struct gen_options *o, const struct contract *contract,
    FILE *out)
{
	size_t count, told = 0;
	const struct rollup *all = contract_rollups(contract, &count);
	struct arena *arena = arena_new();

	for (size_t i = 0; i < count; i++) {
		struct rollup_draft d = draft_of(arena, o->catalog, &all[i]);

		if (!is_wanted(o, &all[i]))
			continue;
		if (told++ > 0)
			fputc('\n', out);
		fputs(rollup_text(&d, o->policies ? ROLLUP_POLICIES :
		    ROLLUP_MIGRATION), out);
	}
	arena_free(arena);
}
