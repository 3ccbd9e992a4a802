drop index suppressions_by_anonymization;
delete from suppressions s using suppressions other
 where other.digest = s.digest and other.anonymization_id < s.anonymization_id;
alter table suppressions drop constraint suppressions_pkey, add primary key (digest);
alter table anonymizations drop column lifted_at, drop column lifted_by, drop column reason;
