drop table source_schemas;
