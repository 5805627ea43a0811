"""What somebody with one password of Redis may try, by what it is for; and what of it is left to which user."""

from typing import Final

_LINES: Final = r"""
# read what waits
LRANGE plugin.commands 0 -1
LINDEX plugin.queries 0
LPOS plugin.commands a
LRANGE plugin.commands:poison 0 -1
HGETALL plugin.commands:unacked
HVALS plugin.queries:unacked
DUMP plugin.commands
COPY plugin.commands mine
GETRANGE plugin.commands:partitions 0 -1
SORT plugin.commands BY nosort STORE mine
OBJECT ENCODING plugin.commands
MEMORY USAGE plugin.commands
TYPE plugin.commands
TTL plugin.commands
# take it away
RPOP plugin.commands
LPOP plugin.commands
RPOP plugin.queries
RPOP plugin.versions
BRPOP plugin.commands 0.01
BLPOP plugin.queries 0.01
LMPOP 1 plugin.commands LEFT
BLMPOP 0.01 1 plugin.commands LEFT
LMOVE plugin.commands plugin.queries LEFT LEFT
BLMOVE plugin.commands mine LEFT LEFT 0.01
RPOPLPUSH plugin.commands plugin.versions
LTRIM plugin.commands 1 0
LREM plugin.commands 0 a
DEL plugin.commands
UNLINK plugin.queries
GETDEL plugin.commands:partitions
EXPIRE plugin.commands 1
PEXPIREAT plugin.queries 1
RENAME plugin.commands mine
RENAMENX plugin.commands mine
MOVE plugin.commands 1
DEL plugin.commands:unacked
HDEL plugin.commands:unacked a
DEL plugin.commands:poison
LTRIM plugin.commands:poison 0 -2
# jump the queue, or break it
RPUSH plugin.commands a
RPUSH plugin.queries a
RPUSH plugin.versions a
LPUSH plugin.commands a
LPUSH plugin.queries a
LPUSH plugin.versions a
LSET plugin.commands 0 a
LINSERT plugin.commands BEFORE a b
SET plugin.commands a
SETRANGE plugin.commands 0 a
APPEND plugin.queries a
RESTORE plugin.commands 0 a REPLACE
LPUSH plugin.commands:poison a
LPUSH plugin.queries:poison a
HSET plugin.commands:unacked a b
HSET plugin.commands:returned a 5
SADD plugin.commands:waiting a
SET plugin.commands:doorbell 1
# leases and partitions
HSET plugin.commands:lease owner evil
HSET plugin.commands:lease epoch 9007199254740993
HDEL plugin.commands:lease owner
DEL plugin.commands:lease
HINCRBY plugin.commands:lease epoch 1
ZADD plugin.queries:consumers 1 evil
ZREM plugin.versions:consumers a
SET plugin.commands:partitions 7
INCR plugin.commands:partitions
DEL plugin.commands:partitions
# forge, hide and destroy events
XADD plugin.events * a b
XADD plugin.rejections * a b
XTRIM plugin.events MAXLEN 0
XDEL plugin.events 1-1
XSETID plugin.events 9-9
DEL plugin.events
RENAME plugin.events mine
XGROUP DESTROY plugin.events versions
XGROUP SETID plugin.events versions $
XGROUP DELCONSUMER plugin.events versions worker
XGROUP CREATE plugin.events mine 0
XREADGROUP GROUP versions evil STREAMS plugin.events >
XACK plugin.events versions 1-1
XCLAIM plugin.events versions evil 0 1-1
XAUTOCLAIM plugin.events versions evil 0 0
XRANGE plugin.events - +
XREAD STREAMS plugin.events 0
XREAD STREAMS plugin.rejections 0
XINFO STREAM plugin.events
XTRIM plugin.rejections MAXLEN 0
HSET plugin.events:revisions PluginChanged|d/a 99:*
HDEL plugin.events:revisions a
DEL plugin.events:revisions
HGETALL plugin.events:revisions
DEL plugin.events:bytes
SET plugin.events:sweeper evil
SET plugin.events:compared evil
HSET plugin.events:seen:versions PluginChanged|d/a 99
DEL plugin.events:seen:versions
# answers of others
GET celery-task-meta-other
MGET celery-task-meta-other
GETDEL celery-task-meta-other
SET celery-task-meta-other {}
SETEX celery-task-meta-other 9 {}
GETSET celery-task-meta-other {}
DEL celery-task-meta-other
EXPIRE celery-task-meta-other 1
STRLEN celery-task-meta-other
RENAME celery-task-meta-other mine
PUBLISH celery-task-meta-other {}
SUBSCRIBE celery-task-meta-other
PSUBSCRIBE *
PSUBSCRIBE celery-task-meta-*
DEL plugin.answers:large
# registries
HSET plugin.registries:ghcr.io cool 9999999999999999
DEL plugin.registries:ghcr.io
ZADD plugin.registries:ghcr.io:slots 9 evil
# remote control
PUBLISH /0.celery.pidbox {}
PUBLISH /0.celeryev/worker.heartbeat {}
SUBSCRIBE /0.celery.pidbox
PSUBSCRIBE /0.celeryev/*
LPUSH w@host.celery.pidbox a
LPUSH reply.celery.pidbox a
SADD _kombu.binding.celery.pidbox a
SMEMBERS _kombu.binding.celery.pidbox
SREM _kombu.binding.plugin.commands a
DEL _kombu.binding.plugin.queries
SET unacked_mutex a
# other commands with two keys
BITOP NOT plugin.commands:partitions plugin.commands:partitions
SINTERSTORE plugin.commands:waiting plugin.commands:waiting
SMOVE plugin.commands:waiting mine a
ZUNIONSTORE plugin.queries:consumers 1 plugin.queries:consumers
ZRANGESTORE mine plugin.queries:consumers 0 -1
PFMERGE plugin.events:bytes plugin.events:bytes
GEOSEARCHSTORE mine plugin.queries:consumers FROMLONLAT 0 0 BYRADIUS 1 m
LCS plugin.commands:partitions plugin.commands:partitions
SET anything a
# scripts
EVAL return(1) 1 anything
EVAL return(1) 1 plugin.commands
EVAL return(1) 1 plugin.events
EVAL return(1) 1 celery-task-meta-other
EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 1 plugin.queries
EVAL_RO return(1) 1 plugin.commands
EVAL return(redis.call('DEL','plugin.commands')) 0
EVAL return(redis.call('XADD','plugin.events','*','a','b')) 0
EVAL return(redis.call('FLUSHALL')) 0
EVAL return(redis.call('HSET','plugin.commands:lease','owner','evil')) 0
FCALL x 0
FUNCTION LOAD a
FUNCTION FLUSH
FUNCTION LIST
SCRIPT FLUSH
SCRIPT KILL
SCRIPT LOAD return(1)
# the server
FLUSHALL
FLUSHDB
SWAPDB 0 1
SELECT 1
KEYS *
SCAN 0
RANDOMKEY
DBSIZE
CONFIG GET *
CONFIG SET maxmemory 1
CONFIG RESETSTAT
CONFIG REWRITE
DEBUG SLEEP 0
MONITOR
INFO
SLOWLOG GET
LATENCY RESET
MEMORY PURGE
MEMORY STATS
SAVE
BGSAVE
BGREWRITEAOF
LASTSAVE
SHUTDOWN NOSAVE
REPLICAOF 127.0.0.1 1
SLAVEOF 127.0.0.1 1
FAILOVER
ROLE
PSYNC ? -1
REPLCONF listening-port 1
MIGRATE 127.0.0.1 1 plugin.commands 0 10
MODULE LIST
MODULE LOAD /tmp/evil.so
CLIENT LIST
CLIENT KILL TYPE normal
CLIENT PAUSE 1
CLIENT UNPAUSE
CLIENT UNBLOCK 1
CLIENT NO-EVICT on
CLIENT TRACKING on
ACL LIST
ACL WHOAMI
ACL USERS
ACL GETUSER admin
ACL SETUSER evil on nopass ~* +@all
ACL DELUSER admin
ACL LOG
ACL LOAD
ACL SAVE
PUBSUB CHANNELS
COMMAND
TIME
WAIT 0 1
WATCH plugin.commands
LOLWUT
"""

ATTACKS: Final = tuple(line for line in _LINES.splitlines() if line and not line.startswith("#"))
