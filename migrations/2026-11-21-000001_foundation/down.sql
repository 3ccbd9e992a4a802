drop table installation, audit, sign_in_failures, sessions, accounts, outbox, local_memberships, group_closure, groups,
  persons_history, persons, changes, blobs, links_history, links, resources_history, resources, uploads,
  extraction_files, extractions, problems, run_log, decisions, leases, tasks, runs, job_slots, jobs, profile_fields,
  settings_versions, associations, entity_types, configurations, connectors;
drop sequence person_ids, resource_ids;
