drop index extractions_to_clean;
alter table extractions drop column to_clean;
drop table erasures;
drop table suppressions;
drop table anonymizations;
