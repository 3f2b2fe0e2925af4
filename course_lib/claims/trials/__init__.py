"""What one trial of a claim measures: functions from a plain dictionary to plain numbers."""
