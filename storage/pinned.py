"""Settings of ClickHouse that change what a query answers. Servers may have others in their default profile."""

from __future__ import annotations

ANSWERS: dict[str, str | int] = {
    # What FINAL, joins, unions and aggregates give.
    "do_not_merge_across_partitions_select_final": 0,
    "final": 0,
    "apply_deleted_mask": 1,
    "join_use_nulls": 0,
    "join_default_strictness": "ALL",
    "any_join_distinct_right_table_keys": 0,
    "joined_subquery_requires_alias": 1,
    "union_default_mode": "",
    "group_by_use_nulls": 0,
    "aggregate_functions_null_for_empty": 0,
    "empty_result_for_aggregation_by_empty_set": 0,
    "transform_null_in": 0,
    "count_distinct_implementation": "uniqExact",
    "totals_mode": "after_having_exclusive",
    "extremes": 0,
    # What a name, a literal and a star stand for.
    "prefer_column_name_to_alias": 0,
    "enable_positional_arguments": 1,
    "asterisk_include_materialized_columns": 0,
    "asterisk_include_alias_columns": 0,
    "cast_keep_nullable": 0,
    "session_timezone": "UTC",
    "date_time_input_format": "basic",
    "date_time_output_format": "simple",
    # Half an answer is none: it fails where a limit is reached.
    "limit": 0,
    "offset": 0,
    "read_overflow_mode": "throw",
    "read_overflow_mode_leaf": "throw",
    "group_by_overflow_mode": "throw",
    "sort_overflow_mode": "throw",
    "result_overflow_mode": "throw",
    "timeout_overflow_mode": "throw",
    "set_overflow_mode": "throw",
    "join_overflow_mode": "throw",
    "distinct_overflow_mode": "throw",
    "transfer_overflow_mode": "throw",
    "use_query_cache": 0,
}
"""Pinned wherever our views are read: on our connections, and for the people whom ``storage.access`` lets in."""

PINNED: dict[str, str | int] = {
    **ANSWERS,
    # What a migration makes.
    "data_type_default_nullable": 0,
    "flatten_nested": 1,
    "default_table_engine": "MergeTree",
    # We batch ourselves, and an insert must have happened when it returns, with every row of it.
    "async_insert": 0,
    "insert_null_as_default": 1,
    "optimize_on_insert": 1,
    "insert_deduplicate": 1,
    "lightweight_deletes_sync": 2,
}
"""Pinned on our connections. A server that does not know one of them passes over it."""
