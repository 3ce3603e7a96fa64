"""A cluster of Kafka in memory: the mock brokers of librdkafka, which speak the protocol over TCP, and its producer.

Commands are read from standard input, one a line, and each is answered with one line.
"""

import ctypes
import glob
import os
import socket
import ssl
import sys
import threading

import confluent_kafka
from confluent_kafka import Producer

BROKERS = 3
COMPRESSIONS = ["none", "gzip", "snappy", "lz4", "zstd"]


def library():
    package = os.path.dirname(confluent_kafka.__file__)
    found = glob.glob(os.path.join(os.path.dirname(package), "confluent_kafka.libs", "librdkafka*"))
    lib, pointer, text = ctypes.CDLL(found[0]), ctypes.c_void_p, ctypes.c_char_p
    number, offset = ctypes.c_int32, ctypes.c_int64
    for name, result, arguments in [
        ("conf_new", pointer, []),
        ("new", pointer, [ctypes.c_int, pointer, text, ctypes.c_size_t]),
        ("mock_cluster_new", pointer, [pointer, ctypes.c_int]),
        ("mock_cluster_bootstraps", text, [pointer]),
        ("mock_topic_create", ctypes.c_int, [pointer, text, ctypes.c_int, ctypes.c_int]),
        ("mock_topic_delete", ctypes.c_int, [pointer, text]),
        ("mock_partition_delete_records", ctypes.c_int, [pointer, text, number, offset]),
        ("mock_partition_set_leader", ctypes.c_int, [pointer, text, number, number]),
        ("mock_broker_set_down", ctypes.c_int, [pointer, number]),
        ("mock_broker_set_up", ctypes.c_int, [pointer, number]),
        ("mock_broker_set_host_port", ctypes.c_int, [pointer, number, text, ctypes.c_int]),
    ]:
        function = getattr(lib, "rd_kafka_" + name)
        function.restype, function.argtypes = result, arguments
    return lib


def pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    for end in (source, target):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def speak_tls(port, context):
    """Listens with TLS in front of a broker, and returns the port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept():
        while True:
            plain, _ = listener.accept()
            try:
                private = context.wrap_socket(plain, server_side=True)
            except OSError:
                continue
            broker = socket.create_connection(("127.0.0.1", port))
            for ends in ((private, broker), (broker, private)):
                threading.Thread(target=pump, args=ends, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]


class Cluster:
    def __init__(self):
        self.lib = library()
        self.handle = self.lib.rd_kafka_new(0, self.lib.rd_kafka_conf_new(), ctypes.create_string_buffer(512), 512)
        self.brokers = self.lib.rd_kafka_mock_cluster_new(self.handle, BROKERS)
        self.addresses = self.lib.rd_kafka_mock_cluster_bootstraps(self.brokers).decode()
        settings = {"bootstrap.servers": self.addresses, "enable.idempotence": True, "linger.ms": 5}
        self.producers = [Producer({**settings, "compression.type": name}) for name in COMPRESSIONS]
        self.failed = []

    def call(self, name, *arguments):
        code = getattr(self.lib, "rd_kafka_mock_" + name)(self.brokers, *arguments)
        if code != 0:
            raise ValueError(f"{name} {arguments}: {code}")

    def make(self, topic, partitions):
        self.call("topic_create", topic.encode(), int(partitions), 1)

    def delete(self, topic):
        self.call("topic_delete", topic.encode())

    def trim(self, topic, partition, first):
        self.call("partition_delete_records", topic.encode(), int(partition), int(first))

    def lead(self, topic, partition, broker):
        self.call("partition_set_leader", topic.encode(), int(partition), int(broker))

    def down(self):
        for broker in range(1, BROKERS + 1):
            self.call("broker_set_down", broker)

    def up(self):
        for broker in range(1, BROKERS + 1):
            self.call("broker_set_up", broker)

    def hide(self, certificate, key):
        """Lets only TLS reach the brokers from here on, and returns an address."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        for broker, address in enumerate(self.addresses.split(","), 1):
            port = speak_tls(int(address.rsplit(":", 1)[1]), context)
            self.call("broker_set_host_port", broker, b"localhost", port)
        return f"localhost:{port}"

    def flush(self, producer):
        if producer.flush(60) or self.failed:
            raise ValueError(f"records are not taken, {self.failed[:3]}")

    def taken(self, error, _):
        if error is not None:
            self.failed.append(str(error))

    def publish(self, topic, first, end):
        """Numbered records, with the partition chosen by the key, in batches that are packed in all ways."""
        for number in range(int(first), int(end)):
            producer = self.producers[number // 500 % len(self.producers)]
            value = f'{{"n":{number},"page":"/p{number % 7}","ts":{1764408000 + number}}}'
            producer.produce(topic, key=f"user-{number % 40}", value=value, on_delivery=self.taken)
            if number % 500 == 499:
                # those of one key keep their order, whoever sends them
                self.flush(producer)
        self.flush(producer)

    def put(self, topic, partition, key, value):
        """One record, its key and value in hexadecimal digits, or - for none."""
        key, value = (None if part == "-" else bytes.fromhex(part) for part in (key, value))
        # one that knows nothing of a topic of this name that was there before
        producer = Producer({"bootstrap.servers": self.addresses})
        producer.produce(topic, partition=int(partition), key=key, value=value, on_delivery=self.taken)
        self.flush(producer)


def main():
    cluster = Cluster()
    print(cluster.addresses, flush=True)
    for line in sys.stdin:
        name, *arguments = line.split()
        print(getattr(cluster, name)(*arguments) or "done", flush=True)


main()
