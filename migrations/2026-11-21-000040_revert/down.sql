drop table departures;
drop index runs_by_reverted;
alter table runs drop column afterwards, drop column reverts_run_id;
