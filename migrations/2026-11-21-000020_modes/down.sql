drop table cursors;
alter table extraction_files drop column command_column, drop column cursor;
alter table extractions drop column complete, drop column assembled_from;
alter table runs drop column replays_run_id, drop column own_configuration, drop column became_complete;
alter table connectors drop column incremental, drop column whole_table;
