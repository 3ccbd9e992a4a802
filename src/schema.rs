// @generated automatically by Diesel CLI.

diesel::table! {
    accounts (id) {
        id -> Int4,
        name -> Text,
        role -> Text,
        password_hash -> Nullable<Text>,
        setup_digest -> Nullable<Bytea>,
        setup_until -> Nullable<Timestamptz>,
        active -> Bool,
        created_at -> Timestamptz,
        last_sign_in_at -> Nullable<Timestamptz>,
        origin -> Text,
        subject -> Nullable<Text>,
        person_id -> Nullable<Int8>,
    }
}

diesel::table! {
    announcements (id) {
        id -> Int8,
        connector_id -> Int4,
        occasion -> Text,
        run_id -> Nullable<Int4>,
        at -> Timestamptz,
        day -> Date,
        facts -> Jsonb,
        spread_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    anonymizations (id) {
        id -> Int8,
        person_id -> Int8,
        anonymized_at -> Timestamptz,
        anonymized_by -> Text,
        lifted_at -> Nullable<Timestamptz>,
        lifted_by -> Nullable<Text>,
        reason -> Nullable<Text>,
    }
}

diesel::table! {
    approvals (run_id) {
        run_id -> Int4,
        approved_by -> Text,
        approved_at -> Timestamptz,
        pending_schema -> Nullable<Text>,
        persons -> Jsonb,
        look -> Nullable<Text>,
    }
}

diesel::table! {
    arrivals (connector_id) {
        connector_id -> Int4,
        complete -> Text,
        changes -> Text,
        run_id -> Int4,
        arrived_at -> Timestamptz,
    }
}

diesel::table! {
    associations (id) {
        id -> Int4,
        connector_id -> Int4,
        name -> Text,
        display_name -> Text,
        from_entity_type_id -> Int4,
        to_entity_type_ids -> Array<Nullable<Int4>>,
        membership -> Bool,
        position -> Int4,
        retired -> Bool,
    }
}

diesel::table! {
    audit (id) {
        id -> Int8,
        at -> Timestamptz,
        account -> Text,
        action -> Text,
        subject -> Text,
        detail -> Jsonb,
        origin -> Nullable<Text>,
    }
}

diesel::table! {
    blobs (sha256) {
        sha256 -> Text,
        content -> Bytea,
    }
}

diesel::table! {
    change_set_seals (run_id) {
        run_id -> Int4,
        others -> Uuid,
    }
}

diesel::table! {
    changes (run_id, seq) {
        run_id -> Int4,
        seq -> Int4,
        created_on -> Date,
        entity_type_id -> Nullable<Int4>,
        association_id -> Nullable<Int4>,
        operation -> Text,
        resource_id -> Nullable<Int8>,
        from_id -> Nullable<Int8>,
        to_id -> Nullable<Int8>,
        before_to_id -> Nullable<Int8>,
        person_id -> Nullable<Int8>,
        new_person -> Bool,
        line -> Int4,
        digest -> Nullable<Uuid>,
        links_digest -> Nullable<Uuid>,
        key -> Text,
        to_key -> Nullable<Text>,
        before_to_key -> Nullable<Text>,
        before -> Nullable<Jsonb>,
        after -> Nullable<Jsonb>,
        seal -> Nullable<Uuid>,
    }
}

diesel::table! {
    configurations (connector_id, version) {
        connector_id -> Int4,
        version -> Int4,
        document -> Text,
        created_at -> Timestamptz,
        created_by -> Nullable<Text>,
    }
}

diesel::table! {
    connectors (id) {
        id -> Int4,
        name -> Text,
        display_name -> Text,
        active -> Bool,
        activity_changed_at -> Timestamptz,
        activity_changed_by -> Nullable<Text>,
        configuration_version -> Int4,
        draft -> Nullable<Text>,
        draft_saved_at -> Nullable<Timestamptz>,
        draft_saved_by -> Nullable<Text>,
        state_version -> Int8,
        applied_run_id -> Nullable<Int4>,
        created_at -> Timestamptz,
        incremental -> Bool,
        whole_table -> Nullable<Text>,
        touched -> Int8,
    }
}

diesel::table! {
    correlation_decisions (id) {
        id -> Int8,
        entity_type_id -> Int4,
        key -> Text,
        decision -> Text,
        person_id -> Nullable<Int8>,
        decided_by -> Text,
        decided_at -> Timestamptz,
        comment -> Nullable<Text>,
        undone_at -> Nullable<Timestamptz>,
        undone_by -> Nullable<Text>,
    }
}

diesel::table! {
    cursors (connector_id, source_table) {
        connector_id -> Int4,
        source_table -> Text,
        cursor -> Jsonb,
        run_id -> Int4,
        moved_at -> Timestamptz,
    }
}

diesel::table! {
    decisions (id) {
        id -> Int8,
        run_id -> Int4,
        decision -> Text,
        decided_by -> Text,
        decided_at -> Timestamptz,
        digest -> Nullable<Text>,
        comment -> Nullable<Text>,
        detail -> Jsonb,
    }
}

diesel::table! {
    deliveries (id) {
        id -> Int8,
        message_id -> Uuid,
        announcement_id -> Nullable<Int8>,
        connector_id -> Nullable<Int4>,
        run_id -> Nullable<Int4>,
        notification -> Text,
        kind -> Text,
        recipient -> Text,
        occasion -> Text,
        message -> Jsonb,
        state -> Text,
        attempts -> Int4,
        due_at -> Timestamptz,
        leased_until -> Nullable<Timestamptz>,
        error -> Nullable<Text>,
        created_at -> Timestamptz,
        ended_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    departures (id) {
        id -> Int8,
        run_id -> Int4,
        person_id -> Int8,
        entity_type_id -> Nullable<Int4>,
        resource_id -> Nullable<Int8>,
        group_id -> Nullable<Int8>,
        added_by -> Nullable<Text>,
        added_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    doubts (entity_type_id, key) {
        entity_type_id -> Int4,
        key -> Text,
        run_id -> Int4,
        code -> Text,
        file -> Text,
        line -> Nullable<Int8>,
        message -> Text,
    }
}

diesel::table! {
    entity_types (id) {
        id -> Int4,
        connector_id -> Int4,
        name -> Text,
        display_name -> Text,
        represents -> Text,
        position -> Int4,
        retired -> Bool,
    }
}

diesel::table! {
    erasures (run_id, seq) {
        run_id -> Int4,
        seq -> Int4,
    }
}

diesel::table! {
    exclusions (id) {
        id -> Int8,
        run_id -> Int4,
        entity_type_id -> Nullable<Int4>,
        association_id -> Nullable<Int4>,
        operation -> Text,
        key -> Text,
        to_key -> Nullable<Text>,
    }
}

diesel::table! {
    extraction_files (extraction_id, source_table) {
        extraction_id -> Int8,
        source_table -> Text,
        path -> Text,
        source_file -> Text,
        sha256 -> Text,
        bytes -> Int8,
        rows -> Int8,
        header -> Jsonb,
        lines -> Jsonb,
        profile -> Jsonb,
        command_column -> Nullable<Text>,
        cursor -> Nullable<Jsonb>,
        indexes -> Jsonb,
        source -> Nullable<Jsonb>,
        source_end -> Jsonb,
    }
}

diesel::table! {
    extractions (id) {
        id -> Int8,
        connector_id -> Int4,
        run_id -> Int4,
        prefix -> Text,
        digest -> Text,
        created_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
        complete -> Bool,
        assembled_from -> Nullable<Array<Nullable<Int4>>>,
        to_clean -> Bool,
    }
}

diesel::table! {
    group_closure (ancestor_id, descendant_id) {
        ancestor_id -> Int8,
        descendant_id -> Int8,
        depth -> Int4,
    }
}

diesel::table! {
    groups (id) {
        id -> Int8,
        resource_id -> Nullable<Int8>,
        entity_type_id -> Nullable<Int4>,
        name -> Text,
        profile_type -> Nullable<Text>,
        past_profile_type -> Nullable<Text>,
        run_id -> Nullable<Int4>,
        description -> Text,
        rule -> Nullable<Text>,
        rule_after -> Nullable<Int8>,
        valid_from -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    groups_history (id, valid_to) {
        id -> Int8,
        resource_id -> Nullable<Int8>,
        entity_type_id -> Nullable<Int4>,
        name -> Text,
        profile_type -> Nullable<Text>,
        past_profile_type -> Nullable<Text>,
        run_id -> Nullable<Int4>,
        ended_by_run_id -> Nullable<Int4>,
        valid_from -> Timestamptz,
        valid_to -> Timestamptz,
        description -> Text,
        rule -> Nullable<Text>,
    }
}

diesel::table! {
    holds (id) {
        id -> Int8,
        connector_id -> Int4,
        entity_type_id -> Nullable<Int4>,
        association_id -> Nullable<Int4>,
        operation -> Text,
        key -> Text,
        to_key -> Nullable<Text>,
        before_to_key -> Nullable<Text>,
        before -> Nullable<Jsonb>,
        after -> Nullable<Jsonb>,
        run_id -> Int4,
        reason -> Nullable<Text>,
        held_by -> Text,
        held_at -> Timestamptz,
        due_at -> Nullable<Timestamptz>,
        ended_at -> Nullable<Timestamptz>,
        ended_by -> Nullable<Text>,
        ended_why -> Nullable<Text>,
    }
}

diesel::table! {
    installation (only_row) {
        only_row -> Bool,
        store_id -> Nullable<Uuid>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    job_slots (job, due_at) {
        job -> Text,
        due_at -> Timestamptz,
        started_at -> Timestamptz,
        server -> Text,
        outcome -> Jsonb,
    }
}

diesel::table! {
    jobs (name) {
        name -> Text,
        cron -> Text,
        time_zone -> Text,
        mode -> Text,
        enabled -> Bool,
    }
}

diesel::table! {
    leases (run_id) {
        run_id -> Int4,
        epoch -> Int4,
        worker -> Text,
        leased_until -> Timestamptz,
        cancel_requested -> Nullable<Timestamptz>,
        cancelled_by -> Nullable<Text>,
        stage -> Text,
        progress -> Jsonb,
        progressed_at -> Timestamptz,
    }
}

diesel::table! {
    links (association_id, from_id, to_id) {
        from_id -> Int8,
        to_id -> Int8,
        association_id -> Int4,
        run_id -> Int4,
    }
}

diesel::table! {
    links_history (association_id, from_id, to_id, valid_to) {
        from_id -> Int8,
        to_id -> Int8,
        association_id -> Int4,
        run_id -> Int4,
        ended_by_run_id -> Int4,
        valid_from -> Timestamptz,
        valid_to -> Timestamptz,
    }
}

diesel::table! {
    local_edits (person_id, field) {
        person_id -> Int8,
        field -> Text,
        edited_by -> Text,
        edited_at -> Timestamptz,
    }
}

diesel::table! {
    local_memberships (group_id, person_id) {
        group_id -> Int8,
        person_id -> Int8,
        added_by -> Text,
        added_at -> Timestamptz,
    }
}

diesel::table! {
    local_memberships_history (group_id, person_id, valid_to) {
        group_id -> Int8,
        person_id -> Int8,
        added_by -> Text,
        added_at -> Timestamptz,
        removed_by -> Text,
        valid_to -> Timestamptz,
    }
}

diesel::table! {
    local_nesting (parent_id, child_id, added_at) {
        parent_id -> Int8,
        child_id -> Int8,
        added_by -> Text,
        added_at -> Timestamptz,
        removed_by -> Nullable<Text>,
        removed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    merges (person_id) {
        person_id -> Int8,
        into_id -> Int8,
        merged_by -> Text,
        merged_at -> Timestamptz,
        comment -> Nullable<Text>,
    }
}

diesel::table! {
    moves (run_id, entity_type_id, new_key) {
        run_id -> Int4,
        entity_type_id -> Int4,
        old_key -> Text,
        new_key -> Text,
        person_id -> Int8,
        field -> Nullable<Text>,
    }
}

diesel::table! {
    newer_digests (entity_type_id, resource_id) {
        entity_type_id -> Int4,
        resource_id -> Int8,
        digest -> Nullable<Uuid>,
        links_digest -> Nullable<Uuid>,
    }
}

diesel::table! {
    outbox (id) {
        id -> Int8,
        run_id -> Nullable<Int4>,
        kind -> Text,
        operation -> Text,
        person_id -> Nullable<Int8>,
        group_id -> Nullable<Int8>,
        entity_type_id -> Nullable<Int4>,
        association_id -> Nullable<Int4>,
        created_at -> Timestamptz,
        transaction -> Int8,
    }
}

diesel::table! {
    overrides (id) {
        id -> Int8,
        person_id -> Int8,
        field -> Text,
        value -> Jsonb,
        beneath -> Nullable<Jsonb>,
        reason -> Text,
        made_by -> Text,
        made_at -> Timestamptz,
        due_at -> Nullable<Timestamptz>,
        ended_at -> Nullable<Timestamptz>,
        ended_by -> Nullable<Text>,
    }
}

diesel::table! {
    persons (id) {
        id -> Int8,
        state -> Text,
        created_by -> Nullable<Int4>,
        created_run_id -> Nullable<Int4>,
        run_id -> Nullable<Int4>,
        valid_from -> Timestamptz,
        fields -> Jsonb,
        provenance -> Jsonb,
        local -> Jsonb,
        blocks -> Jsonb,
        search -> Text,
    }
}

diesel::table! {
    persons_history (id, valid_to) {
        id -> Int8,
        state -> Text,
        created_by -> Nullable<Int4>,
        created_run_id -> Nullable<Int4>,
        run_id -> Nullable<Int4>,
        ended_by_run_id -> Nullable<Int4>,
        operation -> Text,
        valid_from -> Timestamptz,
        valid_to -> Timestamptz,
        fields -> Jsonb,
        provenance -> Jsonb,
        local -> Jsonb,
        blocks -> Jsonb,
        search -> Text,
    }
}

diesel::table! {
    photo_renditions (sha256, edge) {
        sha256 -> Text,
        edge -> Int4,
        content -> Nullable<Bytea>,
    }
}

diesel::table! {
    problems (run_id, seq) {
        run_id -> Int4,
        seq -> Int4,
        scope -> Text,
        file -> Text,
        line -> Nullable<Int8>,
        column_name -> Nullable<Text>,
        key -> Nullable<Text>,
        value -> Nullable<Text>,
        code -> Text,
        message -> Text,
        rejects -> Bool,
        identity -> Uuid,
    }
}

diesel::table! {
    profile_fields (name) {
        name -> Text,
        title -> Text,
        #[sql_name = "type"]
        type_ -> Text,
        required -> Bool,
        is_unique -> Bool,
        sources -> Array<Nullable<Text>>,
        editable_by -> Text,
        position -> Int4,
        declared_by -> Text,
        choices -> Array<Nullable<Text>>,
        multivalued -> Bool,
        hidden -> Bool,
    }
}

diesel::table! {
    recovery_codes (account_id, digest) {
        account_id -> Int4,
        digest -> Bytea,
    }
}

diesel::table! {
    resources (id) {
        id -> Int8,
        person_id -> Nullable<Int8>,
        digest -> Nullable<Uuid>,
        links_digest -> Nullable<Uuid>,
        entity_type_id -> Int4,
        run_id -> Int4,
        line -> Int4,
        key -> Text,
        attributes -> Jsonb,
    }
}

diesel::table! {
    resources_history (id) {
        id -> Int8,
        person_id -> Nullable<Int8>,
        entity_type_id -> Int4,
        run_id -> Int4,
        line -> Int4,
        ended_by_run_id -> Int4,
        valid_from -> Timestamptz,
        valid_to -> Timestamptz,
        key -> Text,
        attributes -> Jsonb,
    }
}

diesel::table! {
    rule_failures (group_id, person_id) {
        group_id -> Int8,
        person_id -> Int8,
        message -> Text,
    }
}

diesel::table! {
    run_holds (run_id, hold_id) {
        run_id -> Int4,
        hold_id -> Int8,
        outcome -> Text,
    }
}

diesel::table! {
    run_log (id) {
        id -> Int8,
        run_id -> Int4,
        stage -> Text,
        at -> Timestamptz,
        level -> Text,
        event -> Text,
        message -> Text,
    }
}

diesel::table! {
    run_proofs (run_id) {
        run_id -> Int4,
        proved_at -> Timestamptz,
        proof -> Jsonb,
    }
}

diesel::table! {
    run_retries (run_id) {
        run_id -> Int4,
        tries -> Int4,
        next_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    runs (id) {
        id -> Int4,
        connector_id -> Int4,
        mode -> Text,
        trigger -> Text,
        started_by -> Nullable<Text>,
        job -> Nullable<Text>,
        task -> Text,
        dry_run -> Bool,
        standalone -> Bool,
        state -> Text,
        epoch -> Int4,
        configuration_version -> Int4,
        extraction_id -> Nullable<Int8>,
        state_version -> Nullable<Int8>,
        change_set_digest -> Nullable<Text>,
        pending_schema -> Nullable<Text>,
        counters -> Jsonb,
        breaches -> Jsonb,
        causes -> Jsonb,
        failure -> Nullable<Jsonb>,
        created_at -> Timestamptz,
        started_at -> Nullable<Timestamptz>,
        finished_at -> Nullable<Timestamptz>,
        applied_at -> Nullable<Timestamptz>,
        consequences -> Jsonb,
        reverts_run_id -> Nullable<Int4>,
        afterwards -> Nullable<Text>,
        replays_run_id -> Nullable<Int4>,
        own_configuration -> Bool,
        became_complete -> Nullable<Text>,
    }
}

diesel::table! {
    second_factors (account_id) {
        account_id -> Int4,
        secret -> Bytea,
        confirmed_at -> Nullable<Timestamptz>,
        last_step -> Int8,
    }
}

diesel::table! {
    sessions (digest) {
        digest -> Bytea,
        account_id -> Int4,
        csrf -> Text,
        flash -> Jsonb,
        created_at -> Timestamptz,
        last_seen_at -> Timestamptz,
        expires_at -> Timestamptz,
        id -> Int8,
        method -> Text,
        address -> Nullable<Text>,
        agent -> Nullable<Text>,
        awaits -> Nullable<Text>,
    }
}

diesel::table! {
    settings_versions (version) {
        version -> Int4,
        document -> Text,
        created_at -> Timestamptz,
        created_by -> Nullable<Text>,
    }
}

diesel::table! {
    sign_in_failures (id) {
        id -> Int8,
        who -> Text,
        at -> Timestamptz,
    }
}

diesel::table! {
    snapshots (run_id) {
        run_id -> Int4,
        connector_id -> Int4,
        touched -> Int8,
        change_set_digest -> Text,
        path -> Text,
        sha256 -> Text,
        bytes -> Int8,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    source_schemas (connector_id, source_table) {
        connector_id -> Int4,
        source_table -> Text,
        found -> Jsonb,
        refreshed_at -> Timestamptz,
        refreshed_by -> Text,
        before -> Nullable<Jsonb>,
        changed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    suppressions (digest, anonymization_id) {
        digest -> Bytea,
        anonymization_id -> Int8,
    }
}

diesel::table! {
    tasks (run_id, stage) {
        run_id -> Int4,
        stage -> Text,
        state -> Text,
        attempts -> Int4,
        started_at -> Nullable<Timestamptz>,
        finished_at -> Nullable<Timestamptz>,
        rows -> Int8,
    }
}

diesel::table! {
    tokens (id) {
        id -> Int4,
        name -> Text,
        digest -> Bytea,
        scopes -> Text,
        connector -> Nullable<Text>,
        created_at -> Timestamptz,
        created_by -> Text,
        expires_at -> Nullable<Timestamptz>,
        last_used_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    uploads (connector_id, source_table) {
        connector_id -> Int4,
        source_table -> Text,
        path -> Text,
        file_name -> Text,
        bytes -> Int8,
        sha256 -> Text,
        uploaded_at -> Timestamptz,
        uploaded_by -> Text,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    accounts,
    announcements,
    anonymizations,
    approvals,
    arrivals,
    associations,
    audit,
    blobs,
    change_set_seals,
    changes,
    configurations,
    connectors,
    correlation_decisions,
    cursors,
    decisions,
    deliveries,
    departures,
    doubts,
    entity_types,
    erasures,
    exclusions,
    extraction_files,
    extractions,
    group_closure,
    groups,
    groups_history,
    holds,
    installation,
    job_slots,
    jobs,
    leases,
    links,
    links_history,
    local_edits,
    local_memberships,
    local_memberships_history,
    local_nesting,
    merges,
    moves,
    outbox,
    overrides,
    persons,
    persons_history,
    photo_renditions,
    problems,
    profile_fields,
    recovery_codes,
    resources,
    resources_history,
    rule_failures,
    run_holds,
    run_log,
    run_proofs,
    run_retries,
    runs,
    second_factors,
    sessions,
    settings_versions,
    sign_in_failures,
    snapshots,
    source_schemas,
    suppressions,
    tasks,
    tokens,
    uploads,
);
