"""pynautobot against the simulated Nautobot: nautobot.py URL TOKEN"""

import sys

import pynautobot
from checks import expect, refused

url, token = sys.argv[1:]
nautobot = pynautobot.api(url, token=token)

expect([namespace.name for namespace in nautobot.ipam.namespaces.all()], ["Global", "Lab"], "namespaces")
expect(nautobot.ipam.namespaces.get(name="Elsewhere"), None, "a namespace that does not exist")
prefixes = list(nautobot.ipam.prefixes.filter(prefix="192.0.2.0/29", namespace="Lab"))
expect([prefix.prefix for prefix in prefixes], ["192.0.2.0/29"], "prefixes of the namespace")
free = [address.address for address in prefixes[0].available_ips.list()]
expect(free, [f"192.0.2.{last}/29" for last in range(1, 7)], "available addresses")

wanted = {"address": "192.0.2.3/29", "namespace": "Lab", "status": "Active", "dns_name": "web.example.com"}
wanted["namespace"] = nautobot.ipam.namespaces.get(name="Lab").id
created = nautobot.ipam.ip_addresses.create(**wanted)
expect((created.address, created.dns_name), ("192.0.2.3/29", "web.example.com"), "new address")
found = list(nautobot.ipam.ip_addresses.filter(address="192.0.2.3", namespace="Lab"))
expect([address.id for address in found], [created.id], "addresses found")
inside = list(nautobot.ipam.ip_addresses.filter(parent=prefixes[0].id))
expect([address.id for address in inside], [created.id], "addresses in the prefix")
expect(len(prefixes[0].available_ips.list()), 5, "available addresses after one was added")

expect(created.delete(), True, "deletion")
expect(nautobot.ipam.ip_addresses.get(address="192.0.2.3", namespace="Lab"), None, "the deleted address")

stranger = pynautobot.api(url, token="0" * 40)
error = refused(lambda: list(stranger.ipam.namespaces.all()), pynautobot.RequestError, "a wrong token")
expect(error.req.status_code, 403, "status for a wrong token")
