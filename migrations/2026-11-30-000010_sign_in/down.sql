-- Whoever could not sign in before must not be able to afterwards, with a role that was not known then.
delete from accounts where origin <> 'local' or role = 'person';
comment on column accounts.role is null;
drop index sessions_by_id;
delete from sessions where awaits is not null;
alter table sessions drop column id, drop column method, drop column address, drop column agent, drop column awaits;
drop table recovery_codes;
drop table second_factors;
drop index accounts_listed, accounts_by_beginning, accounts_by_subject, accounts_by_person;
alter table accounts drop column origin, drop column subject, drop column person_id;
