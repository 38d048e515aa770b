"""The schemas of Terraform providers, read from the CDK bindings that are generated from them.

Providers cannot be downloaded everywhere, but PyPI carries their generated Python bindings: for
each resource a class whose constructor names every argument with its type, and properties for what
the provider computes. Read as text, never imported.
"""

import ast
import dataclasses
import pathlib
import zipfile

# What Terraform itself understands in every resource.
META = {"connection", "count", "depends_on", "for_each", "lifecycle", "provider", "provisioners"}
PROVIDERS = {
    "aws": "cdktn_provider_aws",
    "random": "cdktn_provider_random",
    "tfe": "cdktf_cdktf_provider_tfe",
}

# Resources newer than the newest bindings there are, as the provider's own page of each has
# them: the types of their arguments, those that must be given first.
NEWER = {
    # tfe 0.78.0, without write-only arguments.
    "tfe_project_notification_configuration": (
        {"name": "string", "destination_type": "string", "project_id": "string"},
        {
            "email_addresses": ["set", "string"],
            "email_user_ids": ["set", "string"],
            "enabled": "bool",
            "token": "string",
            "triggers": ["set", "string"],
            "url": "string",
        },
    ),
}


class Schemas:
    """Schemas of one provider by the name of a resource, or of a data source."""

    def __init__(self, folder: pathlib.Path, provider: str) -> None:
        self.provider = provider
        self.package = PROVIDERS[provider]
        (wheel,) = folder.glob(f"{self.package}-*.whl")
        self.wheel = zipfile.ZipFile(wheel)

    def resource(self, name: str) -> "Schema | NewerSchema":
        if name in NEWER:
            return NewerSchema(*NEWER[name])
        return self.read(name.removeprefix(self.provider + "_"))

    def data(self, name: str) -> "Schema":
        schema = self.read("data_" + name)
        # Where it is not told, the provider says its own; a binding does not tell such arguments.
        if region := schema.block["attributes"].get("region"):
            region["computed"] = True
        return schema

    def read(self, module: str) -> "Schema":
        # random_password and others whose names are Python's own words end with an underscore.
        for folder in (module, module + "_"):
            path = f"{self.package}/{folder}/__init__.py"
            if path in self.wheel.namelist():
                return Schema(ast.parse(self.wheel.read(path)))
        raise KeyError(f"{self.package} has no {module}")

    def configuration(self) -> "Schema":
        return self.read("provider")


@dataclasses.dataclass
class NewerSchema:
    """A resource of NEWER."""

    required: dict
    optional: dict

    @property
    def block(self) -> dict:
        attributes: dict = {"id": {"type": "string", "computed": True}}
        for word, types in (("required", self.required), ("optional", self.optional)):
            attributes |= {name: {"type": kind, word: True} for name, kind in types.items()}
        return {"attributes": attributes, "blocks": {}}


class Schema:
    """Arguments, nested blocks and computed attributes of one resource."""

    def __init__(self, tree: ast.Module) -> None:
        self.classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
        configs = [node for name, node in self.classes.items() if name.endswith("Config")]
        # Some nested blocks are called so too; a resource's own comes with what Terraform adds. A
        # provider has no such base, and but one.
        (config,) = [c for c in configs if self.is_resource(c)] or configs
        self.block = self.block_of(config)
        resource = self.classes[config.name.removesuffix("Config")]
        for name, kind in self.properties(resource):
            if name in self.block["blocks"]:
                continue
            self.block["attributes"].setdefault(name, {"type": kind, "computed": True})
        identity = self.block["attributes"].get("id")
        if identity is not None:
            identity["computed"] = True

    @staticmethod
    def is_resource(node: ast.ClassDef) -> bool:
        return any("TerraformMetaArguments" in ast.unparse(base) for base in node.bases)

    def block_of(self, node: ast.ClassDef) -> dict:
        """The block that a class's constructor describes."""
        block: dict = {"attributes": {}, "blocks": {}}
        (constructor,) = (
            item
            for item in node.body
            if isinstance(item, ast.FunctionDef) and item.name == "__init__"
        )
        arguments = constructor.args
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
            name = argument.arg.rstrip("_")
            if name in META:
                continue
            required = default is None
            kind, struct = self.kind(argument.annotation)
            if struct is None:
                block["attributes"][name] = {
                    "type": kind,
                    "required": required,
                    "optional": not required,
                }
            else:
                block["blocks"][name] = {
                    "single": kind == "single",
                    "required": required,
                    "block": self.block_of(self.classes[struct]),
                }
        return block

    def kind(self, annotation: ast.expr) -> tuple[object, str | None]:
        """Terraform's type of an annotation; for a nested block its class as well."""
        text = ast.unparse(annotation).replace("'", "").replace('"', "")
        struct = next((name for name in self.classes if f"Union[{name}, typing.Dict" in text), None)
        if struct is not None:
            return ("list" if "Sequence" in text else "single"), struct
        for needle, kind in (
            ("Mapping[builtins.str, builtins.str]", ["map", "string"]),
            ("Mapping[builtins.str, jsii.Number]", ["map", "number"]),
            ("Sequence[builtins.str]", ["list", "string"]),
            ("List[builtins.str]", ["list", "string"]),
            ("Sequence[jsii.Number]", ["list", "number"]),
            ("Sequence[", "dynamic"),
            ("Mapping[", "dynamic"),
            ("builtins.bool", "bool"),
            ("jsii.Number", "number"),
            ("IResolvable", "bool"),
            ("builtins.str", "string"),
        ):
            if needle in text:
                return kind, None
        return "dynamic", None

    def properties(self, node: ast.ClassDef):
        """What can be read of a resource: properties with a plain type."""
        for item in node.body:
            if not isinstance(item, ast.FunctionDef) or item.returns is None:
                continue
            is_property = any("property" in ast.unparse(d) for d in item.decorator_list)
            if is_property and item.name.islower() and not item.name.endswith("_input"):
                kind, _ = self.kind(item.returns)
                # A list of objects that the provider makes is a class of the module's own.
                if kind != "dynamic" or ast.unparse(item.returns).strip("'\"") in self.classes:
                    yield item.name.rstrip("_"), kind
