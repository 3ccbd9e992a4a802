-- From where somebody did something: the address of the browser or program; null at the command line and for jobs. Set for
-- the length of a request on the connection that does the work, so that nobody has to hand it down.
alter table audit add column origin text default nullif(current_setting('muster.origin', true), '');
create index audit_by_account on audit (account, id);
create index audit_by_action on audit (action, id);
create index audit_by_subject on audit (subject text_pattern_ops, id);
create index audit_by_time on audit (at, id);

-- What was written stays. Two ways around it, both of which say so for one transaction: lines are removed by age
-- (muster.audit = purge), and a person's data is taken out of them (muster.audit = erase), never who did what when.
create function audit_is_append_only() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' and current_setting('muster.audit', true) = 'purge' then
    return old;
  end if;
  if tg_op = 'UPDATE' and current_setting('muster.audit', true) = 'erase'
     and (new.id, new.at, new.action) is not distinct from (old.id, old.at, old.action) then
    return new;
  end if;
  raise exception 'the audit log is append-only' using errcode = 'insufficient_privilege';
end $$;
create trigger audit_append_only before update or delete on audit
  for each row execute function audit_is_append_only();
create trigger audit_not_emptied before truncate on audit
  for each statement execute function audit_is_append_only();
