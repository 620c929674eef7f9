"""REST v1 of Address Manager with URLs of our own, as clients write them: bluecat_v1.py URL USER PASSWORD CONFIGURATION"""

import json
import sys
import urllib.error
import urllib.parse
import urllib.request

from checks import expect, refused

url, user, password, configuration_name = sys.argv[1:]
headers = {}


def call(verb, method, body=None, **parameters):
    """Everything is in the query; a change has a body of no length."""
    target = f"{url}/Services/REST/v1/{method}?{urllib.parse.urlencode(parameters)}"
    data = b"" if verb in ("POST", "PUT") and body is None else body and json.dumps(body).encode()
    sent = dict(headers, **({"Content-Type": "application/json"} if body else {}))
    answer = urllib.request.urlopen(urllib.request.Request(target, data=data, headers=sent, method=verb), timeout=30).read()
    return json.loads(answer) if answer else None


def properties(entity):
    """Without a bar in a value, which a backslash would escape."""
    return dict(pair.split("=", 1) for pair in entity["properties"].split("|") if pair)


def text_of(error):
    return json.loads(error.read())


error = refused(lambda: call("GET", "getSystemInfo"), urllib.error.HTTPError, "a request without a login")
expect(error.code, 401, "status without a login")
refused(lambda: call("GET", "login", username=user, password="wrong"), urllib.error.HTTPError, "a wrong password")
sentence = call("GET", "login", username=user, password=password)
headers["Authorization"] = " ".join(sentence.split()[2:4])

configurations = call("GET", "getEntities", parentId=0, type="Configuration", start=0, count=100)
expect([entity["name"] for entity in configurations], [configuration_name], "configurations")
configuration = call("GET", "getEntityByName", parentId=0, name=configuration_name, type="Configuration")["id"]
expect(call("GET", "getEntityByName", parentId=0, name="nothing", type="Configuration")["id"], 0, "id of what is not there")
blocks = call("GET", "getEntities", parentId=configuration, type="IP4Block", start=0, count=100)
expect(len(blocks), 1, "blocks")

network = call("GET", "getIPRangedByIP", containerId=configuration, type="IP4Network", address="192.0.2.0")
expect(properties(network)["CIDR"], "192.0.2.0/29", "network")
expect(call("GET", "getEntityById", id=network["id"]), network, "the network by its id")
expect(call("GET", "getEntities", parentId=network["id"], type="DHCP4Range", start=0, count=100), [], "DHCP ranges")
skip = "skip=192.0.2.1-192.0.2.2,192.0.2.4|excludeDHCPRange=true|"
expect(call("GET", "getNextIP4Address", parentId=network["id"], properties=skip), "192.0.2.3", "next address")
expect(call("GET", "getNextAvailableIP4Address", parentId=network["id"]), "192.0.2.1", "next available address")

new = {
    "configurationId": configuration,
    "ip4Address": "192.0.2.1",
    "macAddress": "02:00:5e:00:53:01",
    "hostInfo": "",
    "action": "MAKE_STATIC",
    "properties": "name=web|",
}
added = call("POST", "assignIP4Address", **new)
error = refused(lambda: call("POST", "assignIP4Address", **new), urllib.error.HTTPError, "the same address again")
expect((error.code, text_of(error)), (500, "Duplicate of another item"), "refusal of the same address")
found = call("GET", "getIP4Address", containerId=configuration, address="192.0.2.1")
expect((found["id"], found["name"]), (added, "web"), "address found")
expect(properties(found)["macAddress"], "02-00-5E-00-53-01", "MAC of the address")
inside = call("GET", "getEntities", parentId=network["id"], type="IP4Address", start=0, count=100)
expect([entity["id"] for entity in inside], [added], "addresses in the network")
call("PUT", "update", body=dict(found, name="other"))
expect(call("GET", "getIP4Address", containerId=network["id"], address="192.0.2.1")["name"], "other", "name after an update")
expect(call("GET", "getLinkedEntities", entityId=added, type="HostRecord", start=0, count=100), [], "host records")
call("DELETE", "delete", objectId=added)
expect(call("GET", "getIP4Address", containerId=configuration, address="192.0.2.1")["id"], 0, "id of a deleted address")
refused(lambda: call("DELETE", "delete", objectId=added), urllib.error.HTTPError, "a delete of what is not there")

network6 = call("GET", "getIPRangedByIP", containerId=configuration, type="IP6Network", address="2001:db8::")["id"]
many = call("GET", "getNextAvailableIP6Address", parentId=network6, properties="skip=2001:db8::|numberOfAddresses=2|")
expect(many.lower(), "[2001:db8::1, 2001:db8::2]", "next addresses of IPv6")
address = {"containerId": network6, "address": "2001:db8::1"}
added = call("POST", "addIP6Address", type="IP6Address", name="web", properties="", **address)
assigned = call(
    "POST", "assignIP6Address", action="MAKE_STATIC", macAddress="02:00:5e:00:53:01", hostInfo="", properties="", **address
)
expect(assigned, True, "assignment of IPv6")
found = call("GET", "getIP6Address", containerId=configuration, address="2001:db8::1")
expect((found["id"], found["name"], properties(found)["state"]), (added, "web", "STATIC"), "IPv6 address found")
call("DELETE", "delete", objectId=added)

call("POST", "quickDeploy", entityId=network["id"])
call("GET", "logout")
refused(lambda: call("GET", "getSystemInfo"), urllib.error.HTTPError, "a request after the logout")
