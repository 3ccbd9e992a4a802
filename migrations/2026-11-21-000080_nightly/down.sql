drop table snapshots;
alter table connectors drop column touched;
alter table extraction_files drop column source;
alter table extraction_files drop column indexes;
