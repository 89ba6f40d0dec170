"""A Kafka that asks for TLS and a SCRAM password, and a Redis that asks for TLS and an ACL user.

Both have a plain port too, for the test itself: to make Kafka's user there, and for the broker's own use.
"""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclBinding, AclOperation, AclPermissionType
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType
from confluent_kafka.admin._scram import ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from redis import Redis

from infra.harness.deployment import fresh_prefix
from infra.local.apache_kafka import ApacheKafka
from infra.local.child import free_port, fresh_directory
from infra.local.embedded_redis import EmbeddedRedis
from infra.local.kafka_home import KafkaHome
from tests.system.deployment import Deployment

USER = "understudy-app"
HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files of a certificate for this host, and of the authority that has signed it."""

    authority: Path
    chain: Path
    key: Path

    @property
    def keystore(self) -> Path:
        """Key and chain in one file, as Kafka reads them."""
        file = self.key.with_name("keystore.pem")
        file.write_bytes(self.key.read_bytes() + self.chain.read_bytes())
        return file


@contextmanager
def secured_deployment(folder: Path, kafka_secret: str, redis_secret: str) -> Iterator[Deployment]:
    """A deployment whose processes have only the secured ports; the test itself uses the plain ones."""
    files, prefix = certificates(folder / "certificates"), fresh_prefix("secured")
    with (
        secured_kafka(files, prefix, kafka_secret) as (plain_kafka, kafka),
        secured_redis(files, prefix, redis_secret) as (plain_redis, redis),
        closing(Deployment(plain_kafka, plain_redis, folder, prefix=prefix)) as made,
    ):
        made.environment |= {
            "UNDERSTUDY_KAFKA__BOOTSTRAP_SERVERS": kafka,
            "UNDERSTUDY_KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
            "UNDERSTUDY_KAFKA__SASL_MECHANISMS": "SCRAM-SHA-512",
            "UNDERSTUDY_KAFKA__SASL_USERNAME": USER,
            "UNDERSTUDY_KAFKA__SASL_PASSWORD": kafka_secret,
            "UNDERSTUDY_KAFKA__SSL_CA_LOCATION": str(files.authority),
            "UNDERSTUDY_REDIS__URL": redis,
            "UNDERSTUDY_REDIS__SSL_CA_CERTS": str(files.authority),
            "UNDERSTUDY_LOG__LEVEL": "DEBUG",
        }
        yield made


def certificates(folder: Path) -> Certificates:
    """A new authority, and a certificate for this host by it."""
    folder.mkdir()
    authority, made = trustme.CA(), Certificates(folder / "ca.pem", folder / "chain.pem", folder / "key.pem")
    issued = authority.issue_cert(HOST, "localhost")
    authority.cert_pem.write_to_path(made.authority)
    made.chain.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    key = load_pem_private_key(issued.private_key_pem.bytes(), None)
    made.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return made


@contextmanager
def secured_kafka(files: Certificates, prefix: str, password: str) -> Iterator[tuple[str, str]]:
    """The plain address, and the one for `USER`, who may do what the README says that workers need."""
    plain, secured, controller = free_port(), free_port(), free_port()
    home = KafkaHome(
        fresh_directory("kafka"), plain, controller, further=_listeners(files, plain, secured, controller)
    )
    with ApacheKafka(home) as broker:
        _make_user(broker.bootstrap_servers, prefix, password)
        yield broker.bootstrap_servers, f"{HOST}:{secured}"


def _make_user(bootstrap_servers: str, prefix: str, password: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})
    scram = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4_096)
    user = UserScramCredentialUpsertion(USER, scram, password.encode())
    for made in admin.alter_user_scram_credentials([user]).values():
        made.result(30)
    for granted in admin.create_acls(_grants(prefix)).values():
        granted.result(30)


def _listeners(files: Certificates, plain: int, secured: int, controller: int) -> Mapping[str, str]:
    mechanism = "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config"
    tokens = "listener.name.sasl_ssl.oauthbearer.sasl.jaas.config"
    return {
        "listeners": f"PLAINTEXT://{HOST}:{plain},SASL_SSL://{HOST}:{secured},CONTROLLER://{HOST}:{controller}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{plain},SASL_SSL://{HOST}:{secured}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512,OAUTHBEARER",
        mechanism: "org.apache.kafka.common.security.scram.ScramLoginModule required;",
        # It takes tokens that nobody has signed; a client logs in again before its token ends.
        tokens: "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;",
        "connections.max.reauth.ms": "10000",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(files.keystore),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
    }


def _grants(prefix: str) -> list[AclBinding]:
    """What the README says that workers need, and no more."""
    kinds = (ResourceType.TOPIC, ResourceType.GROUP, ResourceType.TRANSACTIONAL_ID)
    return [
        AclBinding(
            kind,
            prefix,
            ResourcePatternType.PREFIXED,
            f"User:{USER}",
            "*",
            AclOperation.ALL,
            AclPermissionType.ALLOW,
        )
        for kind in kinds
    ]


@contextmanager
def secured_redis(files: Certificates, prefix: str, password: str) -> Iterator[tuple[str, str]]:
    """The plain URL, and the one for `USER`, who may only touch keys and channels under the prefix."""
    port = free_port()
    tls = {
        "tls-port": str(port),
        "tls-cert-file": str(files.chain),
        "tls-key-file": str(files.key),
        "tls-ca-cert-file": str(files.authority),
        "tls-auth-clients": "no",
    }
    with EmbeddedRedis(further=tls) as server, Redis.from_url(server.url) as admin:
        rules = [
            "on",
            f">{password}",
            f"~{prefix}:*",
            f"&{prefix}:*",
            "+@all",
            "-@admin",
            "-@dangerous",
            "+info",
        ]
        admin.execute_command("ACL", "SETUSER", USER, *rules)
        yield server.url, f"rediss://{USER}:{password}@{HOST}:{port}/0"
