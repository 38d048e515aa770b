"""Providers that have the real ones' schemas and make nothing, so that Terraform can validate and
plan without downloading any (protocol: tfplugin6.proto of hashicorp/terraform).

Terraform finds them through TF_REATTACH_PROVIDERS. A planned resource is its configuration, with
everything that only AWS would know left unknown; data sources answer what `DATA` says.
"""

import concurrent.futures
import json
import os
import pathlib

import grpc
import msgpack
from schema import PROVIDERS, Schemas

DATA = {
    "aws_caller_identity": {"account_id": "123456789012"},
    "aws_partition": {"partition": "aws", "dns_suffix": "amazonaws.com"},
    "aws_region": {"region": "eu-central-1"},
    "aws_availability_zones": {
        "names": ["eu-central-1a", "eu-central-1b", "eu-central-1c", "eu-central-1d"],
        "zone_ids": ["euc1-az2", "euc1-az3", "euc1-az1", "euc1-az4"],
    },
    # Those of them that a filter names.
    "aws_subnets": {"ids": ["subnet-1", "subnet-2", "subnet-3"]},
    "aws_route53_zone": {"zone_id": "Z123"},
    "tfe_project": {"id": "prj-1", "workspace_ids": ["ws-1", "ws-2"]},
    "tfe_ip_ranges": {"notifications": ["192.0.2.0/25", "198.51.100.7/32"]},
}
# Terraform's mark for a value that is not known before it is applied.
UNKNOWN = msgpack.ExtType(0, b"\x00")
VARINT, BYTES = 0, 2
NESTING_LIST = 2


# The few messages in use are small enough to be written and read by hand.


def varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def field(number: int, value: bytes | str | int | bool) -> bytes:
    if isinstance(value, int):
        return varint(number << 3 | VARINT) + varint(int(value)) if value else b""
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | BYTES) + varint(len(data)) + data


def fields(message: bytes) -> dict[int, bytes | int]:
    """The fields of a message by number; of a repeated one the last."""
    found: dict[int, bytes | int] = {}
    position = 0

    def number() -> int:
        nonlocal position
        result = shift = 0
        while True:
            byte = message[position]
            position += 1
            result |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return result

    while position < len(message):
        key = number()
        if key & 7 == VARINT:
            found[key >> 3] = number()
        else:
            size = number()
            found[key >> 3] = message[position : position + size]
            position += size
    return found


def encode_block(block: dict) -> bytes:
    out = b""
    for name, attribute in sorted(block["attributes"].items()):
        out += field(
            2,
            field(1, name)
            + field(2, json.dumps(attribute["type"]))
            + field(4, attribute.get("required", False))
            + field(5, attribute.get("optional", False))
            + field(6, attribute.get("computed", False)),
        )
    for name, nested in sorted(block["blocks"].items()):
        out += field(
            3,
            field(1, name)
            + field(2, encode_block(nested["block"]))
            + field(3, NESTING_LIST)
            + field(4, int(nested["required"]))
            + field(5, int(nested["single"])),
        )
    return out


def encode_schema(block: dict) -> bytes:
    return field(2, encode_block(block))


class Provider:
    """Answers Terraform's calls for one provider, for the types that a configuration names."""

    def __init__(
        self, wheels: pathlib.Path, name: str, resources: set[str], data: set[str]
    ) -> None:
        schemas = Schemas(wheels, name)
        self.configuration = schemas.configuration().block
        self.resources = {kind: schemas.resource(kind).block for kind in resources}
        self.data = {kind: schemas.data(kind).block for kind in data}

    def answer(self, method: str, request: bytes) -> bytes:
        call = getattr(self, method.rpartition("/")[2], None)
        # Every other answer that is empty means that there is nothing to complain of.
        return call(fields(request)) if call else b""

    def GetProviderSchema(self, _) -> bytes:
        out = field(1, encode_schema(self.configuration))
        for number, blocks in ((2, self.resources), (3, self.data)):
            for kind, block in blocks.items():
                out += field(number, field(1, kind) + field(2, encode_schema(block)))
        return out

    def ReadDataSource(self, request) -> bytes:
        kind = request[1].decode()
        state = self.value(request[2])
        # A data source that is told the region answers for that one.
        answer = DATA[kind]
        if state.get("region") and "region" in answer:
            answer = {**answer, "region": state["region"]}
        for one in state.get("filter") or []:
            if one["name"] == "subnet-id":
                answer = {"ids": [i for i in answer["ids"] if i in one["values"]]}
        if excluded := state.get("exclude_zone_ids"):
            pairs = zip(answer["names"], answer["zone_ids"], strict=True)
            left = [(name, zone) for name, zone in pairs if zone not in excluded]
            answer = {"names": [n for n, _ in left], "zone_ids": [z for _, z in left]}
        state.update(answer)
        return field(1, field(1, msgpack.packb(state)))

    def UpgradeResourceState(self, request) -> bytes:
        # As it stands in the state's JSON.
        return field(1, field(2, fields(request[3])[1]))

    def ReadResource(self, request) -> bytes:
        return field(1, request[2])

    def PlanResourceChange(self, request) -> bytes:
        attributes = self.resources[request[1].decode()]["attributes"]
        proposed = self.value(request[3])
        if proposed is None:
            return field(1, request[3])
        for name, attribute in attributes.items():
            if attribute.get("computed") and proposed.get(name) is None:
                proposed[name] = UNKNOWN
        return field(1, field(1, msgpack.packb(proposed))) + field(5, True)

    @staticmethod
    def value(dynamic: bytes):
        return msgpack.unpackb(fields(dynamic)[1], strict_map_key=False)


class Handler(grpc.GenericRpcHandler):
    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    def service(self, details):
        if not details.method.startswith("/tfplugin6.Provider/"):
            return None
        return grpc.unary_unary_rpc_method_handler(
            lambda request, _: self.provider.answer(details.method, request)
        )


def serve(folder: pathlib.Path, providers: dict[str, Provider]) -> tuple[list, str]:
    """Serves each on a socket in `folder`.

    Returns the servers, to be stopped, and the value of TF_REATTACH_PROVIDERS."""
    servers, places = [], {}
    for name, provider in providers.items():
        socket = folder / f"{name}.sock"
        server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
        server.add_generic_rpc_handlers((Handler(provider),))
        server.add_insecure_port(f"unix:{socket}")
        server.start()
        servers.append(server)
        places[f"registry.terraform.io/hashicorp/{name}"] = {
            "Protocol": "grpc",
            "ProtocolVersion": 6,
            "Pid": os.getpid(),
            "Test": True,
            "Addr": {"Network": "unix", "String": str(socket)},
        }
    return servers, json.dumps(places)


__all__ = ["PROVIDERS", "Provider", "serve"]
