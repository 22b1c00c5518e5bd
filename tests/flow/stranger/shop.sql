-- SPDX-License-Identifier: MIT
--
-- A database as its owner left it, that knows nothing of Lockstep: two schemas
-- of a shop, without row security, made by a role of its own. Here to be served
-- as doc/OWN-TABLES.md says.

create schema shop;
create schema depot;

create domain shop.email as text
	check (value ~ '^[^@ ]+@[^@ ]+[.][a-z]+$' and length(value) <= 254);
create domain shop.money as numeric(10, 2) check (value >= 0);
create domain shop.country as char(2) check (value ~ '^[A-Z]{2}$');
create type shop.order_state as enum
	('cart', 'placed', 'paid', 'shipped', 'returned');
create type shop.channel as enum ('web', 'phone', 'branch');

create table shop.customers (
	id uuid primary key default gen_random_uuid(),
	email shop.email not null unique,
	full_name varchar(120) not null check (full_name <> ''),
	country shop.country not null default 'BE',
	born_on date,
	channels shop.channel[] not null default '{web}'
		check (cardinality(channels) <= 3),
	preferences jsonb not null default '{}'
		check (jsonb_typeof(preferences) = 'object'),
	password_hash text,
	is_admin boolean not null default false,
	created_at timestamptz not null default now()
);
comment on table shop.customers is 'Whoever has an account with the shop.';
comment on column shop.customers.born_on is 'For the birthday voucher; optional.';

create table shop.categories (
	id integer generated always as identity primary key,
	parent_id integer references shop.categories,
	slug varchar(40) not null unique check (slug ~ '^[a-z0-9-]+$'),
	label text not null check (char_length(label) between 1 and 80)
);
create index on shop.categories (parent_id);

create table shop.products (
	sku varchar(20) primary key check (sku ~ '^[A-Z]{2}-[0-9]{4,8}$'),
	category_id integer not null references shop.categories,
	name text not null check (length(name) between 1 and 200),
	tags text[] not null default '{}' check (cardinality(tags) <= 12),
	sizes smallint[],
	price shop.money not null,
	weight_kg double precision check (weight_kg > 0),
	colour text not null default 'none'
		check (colour in ('none', 'red', 'green', 'blue')),
	rating smallint check (rating between 1 and 5),
	delivery interval not null default interval '3 days',
	words tsvector generated always as
		(to_tsvector('simple', coalesce(name, ''))) stored,
	listed_at timestamptz not null default now()
);
create index on shop.products (category_id);
create index on shop.products (listed_at desc, sku desc);
create index on shop.products using gin (words);
comment on column shop.products.sku is 'Two letters, a dash, four digits or more.';

create table shop.orders (
	id bigint generated always as identity primary key,
	customer_id uuid not null references shop.customers,
	state shop.order_state not null default 'cart',
	note text check (length(note) <= 500),
	placed_at timestamptz
);
create index on shop.orders (customer_id, placed_at desc, id desc);

create table shop.order_lines (
	order_id bigint not null references shop.orders on delete cascade,
	line smallint not null check (line > 0),
	sku varchar(20) not null references shop.products,
	quantity integer not null default 1 check (quantity between 1 and 99),
	paid numeric(10, 2),
	primary key (order_id, line)
);
create index on shop.order_lines (sku);

create table shop.reviews (
	customer_id uuid not null references shop.customers,
	sku varchar(20) not null references shop.products,
	stars smallint not null check (stars between 1 and 5),
	body text not null default '' check (length(body) <= 2000),
	primary key (customer_id, sku)
);
create index on shop.reviews (sku);

create view shop.catalogue as
	select p.sku, p.name, p.price, c.slug as category
	from shop.products p join shop.categories c on c.id = p.category_id;
create view shop.order_totals as
	select l.order_id, sum(l.quantity) as pieces, sum(l.paid) as paid
	from shop.order_lines l group by l.order_id;
create materialized view shop.best_sellers as
	select sku, count(*) as sold from shop.order_lines group by sku;

create table depot.houses (
	id serial primary key,
	town text not null check (length(town) <= 100)
);
create table depot.stock (
	house_id integer not null references depot.houses,
	sku varchar(20) not null references shop.products,
	pieces integer not null default 0 check (pieces >= 0),
	counted_on date not null default current_date,
	primary key (house_id, sku)
);
create index on depot.stock (sku);

insert into shop.customers (id, email, full_name) values
	('11111111-1111-4111-8111-111111111111', 'ada@post.example',
		'Ada Byron'),
	('22222222-2222-4222-8222-222222222222', 'bob@post.example',
		'Bob Crane');
insert into shop.categories (slug, label) values
	('paper', 'Paper'), ('ink', 'Ink');
insert into shop.products (sku, category_id, name, tags, price) values
	('PA-0001', 1, 'Laid paper, 100 sheets', '{paper,"a, b"}', 12.50),
	('IN-0001', 2, 'Ink, blue black', '{}', 7.90);
insert into shop.orders (customer_id, state, placed_at) values
	('11111111-1111-4111-8111-111111111111', 'placed', now()),
	('22222222-2222-4222-8222-222222222222', 'cart', null);
insert into shop.order_lines (order_id, line, sku, quantity, paid) values
	(1, 1, 'PA-0001', 2, 25.00), (2, 1, 'IN-0001', 1, 7.90);
insert into depot.houses (town) values ('Ghent');
insert into depot.stock (house_id, sku, pieces) values (1, 'PA-0001', 40);
