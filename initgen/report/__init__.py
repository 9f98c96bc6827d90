"""Results for people and for programs: tables, JSON, small charts. Computes nothing."""
