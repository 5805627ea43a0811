"""A real redis-server and a real mongod for a trial and for the tests, started and stopped by this process.

No worker uses them. Servers listen on 127.0.0.1 only. They end with the process that started them, even if
it is killed.
"""

from worker.devtools.embedded.binaries import Binary, find_mongod, find_redis, mongod_binaries, redis_binaries
from worker.devtools.embedded.errors import EmbeddedError, ServerFailed, ServerNotFound
from worker.devtools.embedded.external import ping_mongodb, ping_redis, without_password
from worker.devtools.embedded.mongo import MongoReplicaSet, MongoServer
from worker.devtools.embedded.ports import free_port, port_is_free
from worker.devtools.embedded.process import ChildProcess, wait_until
from worker.devtools.embedded.redis import RedisServer

__all__ = [
    "Binary",
    "ChildProcess",
    "EmbeddedError",
    "MongoReplicaSet",
    "MongoServer",
    "RedisServer",
    "ServerFailed",
    "ServerNotFound",
    "find_mongod",
    "find_redis",
    "free_port",
    "mongod_binaries",
    "ping_mongodb",
    "ping_redis",
    "port_is_free",
    "redis_binaries",
    "wait_until",
    "without_password",
]
