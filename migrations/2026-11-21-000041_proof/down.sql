drop table run_proofs;
alter table extraction_files drop column source_end;
