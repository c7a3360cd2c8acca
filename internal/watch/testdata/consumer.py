"""Reads a topic from its beginning as the first consumers do, one event a line."""
import json
import sys

from kafka import KafkaConsumer

consumer = KafkaConsumer(
    sys.argv[2],
    bootstrap_servers=[sys.argv[1]],
    auto_offset_reset="earliest",
    value_deserializer=lambda value: json.loads(value.decode("utf-8")),
    consumer_timeout_ms=3000,
)
for record in consumer:
    print(json.dumps(record.value))
