"""What the service is compared with under load; see docs/performance.md."""
