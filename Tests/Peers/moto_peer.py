"""moto's server on loopback with a cluster, a service and a ledger table in it.

Prints one JSON line with the port once it serves, and ends when its standard input closes.
"""

import json
import logging
import sys
import threading

import boto3
from moto.moto_server import threaded_moto_server
from moto.moto_server.werkzeug_app import DomainDispatcherApplication


class OneAtATime(DomainDispatcherApplication):
    """moto's put_item checks its condition and writes without a lock, so that two of its threads
    can both find the condition true, and its transactions put a copy of the whole table back when
    they fail, with what others wrote meanwhile (moto/dynamodb/models). DynamoDB's writes are
    atomic; serving one request at a time makes moto's so too.

    Nothing is ever throttled, nor in the way of a transaction that is under way, and moto notes
    which attribute says when an item may go but deletes none."""

    turn = threading.Lock()

    def __call__(self, environ, start_response):
        with self.turn:
            return super().__call__(environ, start_response)


threaded_moto_server.DomainDispatcherApplication = OneAtATime


def client(service, port):
    return boto3.client(
        service,
        region_name="eu-central-1",
        endpoint_url="http://127.0.0.1:%d" % port,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def main():
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = threaded_moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    port = server.get_host_and_port()[1]
    ecs = client("ecs", port)
    # Without a list of tags moto cannot list what has one (moto/resourcegroupstaggingapi/models).
    ecs.create_cluster(clusterName="agents", tags=[])
    ecs.register_task_definition(
        family="agent", containerDefinitions=[{"name": "tfc-agent", "image": "x", "memory": 64}]
    )
    for name in ["pool", "projected", "exposed"]:
        ecs.create_service(
            cluster="agents", serviceName=name, taskDefinition="agent", desiredCount=0
        )
    dynamodb = client("dynamodb", port)
    dynamodb.create_table(
        TableName="ledger",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
    )
    dynamodb.update_time_to_live(
        TableName="ledger", TimeToLiveSpecification={"AttributeName": "expires", "Enabled": True}
    )
    client("ssm", port).put_parameter(
        Name="/agents/hmac-key", Value="a secret value", Type="SecureString"
    )
    print(json.dumps({"port": port}), flush=True)
    sys.stdin.buffer.read()
    server.stop()


main()
