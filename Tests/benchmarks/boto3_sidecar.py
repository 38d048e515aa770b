"""What the sidecar is compared with: a loop beside the agent as one would write it with boto3.

The same calls as the real one makes before it comes to rest: the task's metadata and credentials,
protection, the ledger, the service. Then it looks every second at a file that the agent would
write. The settings are those of the real sidecar.
"""

import json
import os
import pathlib
import time

import boto3
import urllib3

TABLE = os.environ["LEDGER_TABLE"]
pool = urllib3.PoolManager()
SETTINGS = {"region_name": os.environ["AWS_REGION"], "verify": os.environ["SSL_CERT_FILE"]}
dynamodb = boto3.client("dynamodb", **SETTINGS)
ecs = boto3.client("ecs", **SETTINGS)


def metadata():
    return json.loads(
        pool.request("GET", os.environ["ECS_CONTAINER_METADATA_URI_V4"] + "/task").data
    )


def protect():
    body = json.dumps({"ProtectionEnabled": True, "ExpiresInMinutes": 120})
    url = os.environ["ECS_AGENT_URI"] + "/task-protection/v1/state"
    return pool.request("PUT", url, body=body, headers={"Content-Type": "application/json"})


def look(task):
    """Reads ledger and service, as before a departure."""
    cluster, service = task["Cluster"], task["ServiceName"]
    dynamodb.query(
        TableName=TABLE,
        KeyConditionExpression="pk = :pk AND sk < :end",
        ConsistentRead=True,
        ExpressionAttributeValues={
            ":pk": {"S": "%s/%s" % (cluster, service)},
            ":end": {"S": "task/"},
        },
    )
    ecs.describe_services(cluster=cluster, services=[service])


task = metadata()
protect()
look(task)
status = pathlib.Path(os.environ["AGENT_LINK_DIR"]) / "status"
protected = time.monotonic()
while True:
    status.exists()
    if time.monotonic() - protected > 3600:
        protect()
        protected = time.monotonic()
    time.sleep(1)
