"""Words that names of tables, columns and comments are made of: a table, no code."""

from __future__ import annotations

SCHEMAS = ("sales", "logistics", "finance", "people", "support")

SUBJECTS = (
    "customer", "order", "invoice", "shipment", "product", "supplier", "employee", "contract", "payment", "warehouse",
    "campaign", "ticket", "account", "vehicle", "project", "budget", "course", "patient", "booking", "claim",
    "policy", "device", "sensor", "recipe", "member", "event", "asset", "location", "subscription", "refund",
    "carrier", "pallet", "lease", "loan", "meter", "tariff", "species", "lecture", "journal", "citation",
)  # fmt: skip

ASPECTS = (
    "", "history", "line", "status", "note", "address", "rating", "document", "schedule", "category", "discount",
    "approval", "snapshot", "forecast", "target", "assignment", "audit", "contact", "batch", "return", "threshold",
    "attachment", "translation", "summary", "exception", "quota", "reminder", "version",
)  # fmt: skip

# name, type, default
COLUMNS = (
    ("created_at", "timestamptz", "now()"), ("updated_at", "timestamptz", None), ("status", "text", "'new'"),
    ("quantity", "integer", "1"), ("unit_price", "numeric(12,2)", None), ("currency_code", "char(3)", "'EUR'"),
    ("description", "text", None), ("email", "text", None), ("phone_number", "varchar(32)", None),
    ("street", "text", None), ("postal_code", "varchar(12)", None), ("city", "text", None),
    ("country_code", "char(2)", None), ("is_active", "boolean", "true"), ("valid_from", "date", None),
    ("valid_until", "date", None), ("weight_kg", "numeric(10,3)", None), ("height_cm", "integer", None),
    ("score", "real", None), ("priority", "smallint", "0"), ("external_ref", "uuid", None),
    ("opened_by", "text", None), ("closed_at", "timestamptz", None), ("reason_code", "text", None),
    ("tax_rate", "numeric(5,4)", "0.19"), ("discount_pct", "numeric(5,2)", None), ("net_amount", "numeric(14,2)", None),
    ("due_date", "date", None), ("first_name", "text", None), ("last_name", "text", None), ("birth_date", "date", None),
    ("latitude", "double precision", None), ("longitude", "double precision", None), ("tags", "text[]", None),
    ("payload", "jsonb", "'{}'"), ("checksum", "bytea", None), ("attempts", "integer", "0"),
    ("serial_number", "text", None), ("colour", "text", None), ("language", "varchar(8)", "'en'"),
)  # fmt: skip

TABLE_COMMENTS = (
    "One row per {words} and day, written by the nightly load.",
    "What is known about each {words}; kept for seven years.",
    "Links a {words} to whoever is responsible for it.",
    "Every {words} that was ever confirmed, cancelled ones included.",
)

COLUMN_COMMENTS = (
    "As entered by the clerk, not checked.",
    "In local time of the branch.",
    "Without tax; negative for corrections.",
    "Empty until the first review.",
)

QUESTIONS = (
    "which customers have not paid their invoices yet",
    "how heavy was each shipment",
    "who approved the budget for a project",
    "where do our suppliers live",
    "average rating of products by category",
    "number of tickets closed per employee",
    "loans whose due date has passed",
    "discounts granted on subscriptions last year",
    "history of a patient's bookings",
    "meters that exceeded their threshold",
    "email addresses of members",
    "what does a carrier charge per pallet",
)
