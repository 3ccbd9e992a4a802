-- Local groups: made by administrators, with members by hand or by a rule, and groups within them.

alter table groups
  add column description text not null default '',
  add column rule        text,                           -- CEL over a profile; null: members by hand
  add column rule_after  bigint,                         -- working the rule out goes on after this person; null: done
  add column valid_from  timestamptz;                    -- of a local group: since when it is so
create index groups_by_rule on groups (id) where rule is not null;

alter table groups_history
  add column description text not null default '',
  add column rule        text;
alter table groups_history alter column ended_by_run_id drop not null;

create table local_memberships_history (
  group_id   bigint      not null,
  person_id  bigint      not null,
  added_by   text        not null,
  added_at   timestamptz not null,
  removed_by text        not null,
  valid_to   timestamptz not null
) partition by range (valid_to);
create index local_memberships_history_by_group on local_memberships_history (group_id);
create index local_memberships_history_by_person on local_memberships_history (person_id);

-- Groups within local groups. They are few; what was is kept beside what is.
create table local_nesting (
  parent_id  bigint      not null,
  child_id   bigint      not null,
  added_by   text        not null,
  added_at   timestamptz not null,
  removed_by text,
  removed_at timestamptz
);
create unique index local_nesting_standing on local_nesting (parent_id, child_id) where removed_at is null;
create index local_nesting_by_child on local_nesting (child_id);

-- Persons for whom a rule could not be evaluated: their membership stays as it is.
create table rule_failures (
  group_id  bigint not null,
  person_id bigint not null,
  message   text   not null,
  primary key (group_id, person_id)
);
create index rule_failures_by_person on rule_failures (person_id);
