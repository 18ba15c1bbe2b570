"""A plain MQTT client that says what the broker answered, for tests of who may connect and use which topic."""
import contextlib

import paho.mqtt.client as mqtt

from ferry import vendor_password, vendor_username, wait_for

ACCEPTED, IDENTIFIER_REJECTED, REFUSED = 0, 2, 5
NEVER = "92233720368547758"
UP, DOWN = "$resource/up/service", "$resource/down/service"


class Client:
    """A plain MQTT client that says what the broker answered."""

    def __init__(self, platform, client_id, username=None, password=None, *, protocol=mqtt.MQTTv311, clean=True):
        options = {} if protocol == mqtt.MQTTv5 else {"clean_session": clean}
        self._client = mqtt.Client(client_id, protocol=protocol, **options)
        if username is not None:
            self._client.username_pw_set(username, password)
        self.code, self.granted, self.messages, self.gone = None, {}, [], False
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = lambda c, u, message: self.messages.append((message.topic, message.payload))
        self._client.on_disconnect = self._on_disconnect
        with contextlib.suppress(OSError):
            self._client.connect("127.0.0.1", platform.mqtt_port, 60)
            self._client.loop_start()
            wait_for(lambda: self.code is not None or self.gone, 10, "an answer to CONNECT")

    def _on_connect(self, client, userdata, flags, code, properties=None):
        self.code = code if isinstance(code, int) else code.value
        if self.code != ACCEPTED:
            client.disconnect()

    def _on_subscribe(self, client, userdata, mid, granted, properties=None):
        self.granted[mid] = [code if isinstance(code, int) else code.value for code in granted]

    def _on_disconnect(self, client, userdata, code, properties=None):
        self.gone = True
        client._reconnect_on_failure = False

    def subscribe(self, topic, qos=1, patience_s=10):
        """What SUBACK says; null when the broker closes instead."""
        _, mid = self._client.subscribe(topic, qos)
        wait_for(lambda: mid in self.granted or self.gone, patience_s, "SUBACK")
        return self.granted.get(mid, [None])[0]

    def publish(self, topic, payload, qos=1, retain=False):
        self._client.publish(topic, payload, qos, retain).wait_for_publish(10)

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def connack(platform, client_id, username, password, **options):
    """The CONNACK code; None when the broker closed without one."""
    with Client(platform, client_id, username, password, **options) as client:
        return client.code


def vendor_client(platform, device, client_suffix="", **options):
    username = vendor_username(device.product, device.device)
    return Client(platform, device.product + device.device + client_suffix, username,
                  vendor_password(device.secret, username), **options)
