-- API tokens: what a program signs in with. The token itself is shown once and stored nowhere; of its 256 random bits a
-- SHA-256 is enough.
create table tokens (
  id           integer     generated always as identity primary key,
  name         text        not null,
  digest       bytea       not null unique,
  scopes       text        not null,                     -- words with blanks between them, as RFC 6749 writes them
  connector    text,                                     -- limited to the connector of this name, which may be yet to come
  created_at   timestamptz not null default now(),
  created_by   text        not null,
  expires_at   timestamptz,
  last_used_at timestamptz                               -- exact to the minute
);
create unique index tokens_by_name on tokens (lower(name));
