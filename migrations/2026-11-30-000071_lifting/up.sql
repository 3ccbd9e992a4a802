-- A suppression can be lifted: later runs bring the person back, as somebody new.
alter table anonymizations
  add column lifted_at timestamptz,
  add column lifted_by text,
  add column reason    text;

-- Two persons may have had the same value: what is lifted for one holds for the other.
alter table suppressions drop constraint suppressions_pkey, add primary key (digest, anonymization_id);
create index suppressions_by_anonymization on suppressions (anonymization_id);
