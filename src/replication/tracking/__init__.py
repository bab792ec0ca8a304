"""MLflow tracking: training runs as they go on, and finished runs afterwards."""
