-- The yardstick's store: what is kept from run to run. run.sql fills it.
--
-- Tables start without indexes: the first load builds them at its end (see build_indexes).

\set ON_ERROR_STOP on
set client_min_messages = warning;
create schema yardstick;
set search_path = yardstick;

-- What each number in `entity_type` and `association` stands for.
create table entity_type(number int, name text);
insert into entity_type values (1, 'user'), (2, 'org'), (3, 'group');
create table association(number int, name text);
insert into association values (1, 'manager'), (2, 'department'), (3, 'parent'), (4, 'member');

create sequence run_number;
create sequence resource_id;

-- row_digest: of the whole source row; 0 = a reference dangles, look at the row again in the next run.
-- set_digest: of the groups the row is a member of, whatever their order; null = none, 0 = as above.
create table resource(
  id bigint not null, entity_type int not null, key text not null, run bigint not null,
  row_digest bigint not null, set_digest bigint, attributes jsonb not null);
create table link(association int not null, from_id bigint not null, to_id bigint not null);

-- An insert leaves a line without its values: they are in `resource`, or in the `before` of what came next.
create table resource_history(
  run bigint not null, id bigint not null, entity_type int not null, key text not null,
  operation "char" not null, before jsonb, after jsonb);
create table link_history(
  run bigint not null, association int not null, from_id bigint not null, to_id bigint not null,
  operation "char" not null);

-- Where a feed is copied to: every column as text, in the order of the files. Emptied by each run.
create unlogged table staged_user(
  employee_id text, login text, given_name text, sn text, display_name text, mail text, title text,
  department text, manager_id text, location text, phone text, hire_date text, end_date text,
  active text, country text) with (autovacuum_enabled = off);
create unlogged table staged_org(org_code text, name text, parent_org text) with (autovacuum_enabled = off);
create unlogged table staged_group(group_id text, cn text, description text) with (autovacuum_enabled = off);
create unlogged table staged_member(group_id text, employee_id text) with (autovacuum_enabled = off);

-- The stored form of a staged row. Inlined by the planner where they are called.
create function attributes(u staged_user) returns jsonb language sql stable as $$
  select jsonb_build_object(
    'login', u.login, 'givenName', u.given_name, 'sn', u.sn, 'displayName', u.display_name,
    'mail', u.mail, 'title', u.title, 'location', u.location, 'phone', u.phone,
    'hireDate', u.hire_date, 'endDate', u.end_date, 'active', u.active::boolean, 'country', u.country) $$;
create function attributes(o staged_org) returns jsonb language sql stable as $$
  select jsonb_build_object('name', o.name) $$;
create function attributes(g staged_group) returns jsonb language sql stable as $$
  select jsonb_build_object('cn', g.cn, 'description', g.description) $$;

-- Whether a text is a day of the calendar, as YYYY-MM-DD. `::date` would raise an error instead of answering.
create function is_date(value text) returns boolean language sql immutable as $$
  select case
    when value !~ '^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$' then false
    when substr(value, 6, 2) in ('04', '06', '09', '11') then right(value, 2) <= '30'
    when substr(value, 6, 5) = '02-29' then
      left(value, 4)::int % 4 = 0 and (left(value, 4)::int % 100 <> 0 or left(value, 4)::int % 400 = 0)
    when substr(value, 6, 2) = '02' then right(value, 2) <= '28'
    else true
  end $$;

-- The members of an object that the other object lacks or has otherwise: one side of a history line.
create function differing(object jsonb, other jsonb) returns jsonb language sql immutable as $$
  select jsonb_object_agg(key, value) from jsonb_each(object) where value is distinct from other -> key $$;

-- Indexes after the first load cost a tenth of maintaining them row by row. The feed may repeat a membership:
-- only then is it worth looking for the copies.
create procedure build_indexes() language plpgsql as $$
begin
  alter table resource add primary key (id);
  create unique index on resource (entity_type, key);
  begin
    alter table link add primary key (from_id, association, to_id);
  exception when unique_violation then
    delete from link copy using link original
     where (copy.from_id, copy.association, copy.to_id) = (original.from_id, original.association, original.to_id)
       and copy.ctid > original.ctid;
    alter table link add primary key (from_id, association, to_id);
  end;
  create index on link (to_id, association);
  create index on resource_history (id);
end $$;
