drop table approvals, exclusions, run_holds, holds;
alter table runs drop column consequences;
alter table decisions drop column detail;
