-- Where an account is known: here, in the directory, or at the provider. One from elsewhere has no password here, and its
-- role follows its groups at each sign-in.
alter table accounts
  add column origin    text not null default 'local',    -- local | directory | provider
  add column subject   text,                             -- what tells it apart there, whatever it is called
  add column person_id bigint;                           -- whose account it is; blocked with the person
create unique index accounts_by_subject on accounts (origin, subject) where subject is not null;
create index accounts_by_person on accounts (person_id) where person_id is not null;
-- Whoever signs in from elsewhere has an account, so that there may be as many as there are users: the list begins with
-- those that somebody made, or that may do something.
create index accounts_listed on accounts (lower(name), id) where role <> 'person' or origin = 'local';
create index accounts_by_beginning on accounts (lower(name) text_pattern_ops);
comment on column accounts.role is 'administrator | operator | viewer | person';

-- Codes that change with time (RFC 6238).
create table second_factors (
  account_id   integer     primary key references accounts (id) on delete cascade,
  secret       bytea       not null,                     -- sealed with the installation's key
  confirmed_at timestamptz,                              -- null: about to be set up, and asked of nobody
  last_step    bigint      not null default 0            -- codes of this step and of those before it are used up
);

-- What helps where the device is lost: each is used once. Of 80 random bits a SHA-256 is enough.
create table recovery_codes (
  account_id integer not null references accounts (id) on delete cascade,
  digest     bytea   not null,
  primary key (account_id, digest)
);

alter table sessions
  add column id      bigint generated always as identity,
  add column method  text   not null default 'password', -- password | directory | provider | invitation
  add column address text,
  add column agent   text,                               -- in our words: Firefox on Linux
  add column awaits  text;                               -- null: signed in; code | enrolment
create unique index sessions_by_id on sessions (id);
