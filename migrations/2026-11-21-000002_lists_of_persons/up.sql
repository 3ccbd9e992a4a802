-- The lists of past and of blocked persons, by user name: few among many, so a walk along persons_by_user_name would
-- read nearly everybody before a page is full.
create index persons_past on persons (lower(fields ->> 'user_name'), id) where state = 'past';
create index persons_blocked on persons (lower(fields ->> 'user_name'), id) where blocks <> '[]';
