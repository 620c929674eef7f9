"""pynetbox against the simulated NetBox: netbox.py URL TOKEN"""

import sys

import pynetbox
from checks import expect, refused

url, token = sys.argv[1:]
netbox = pynetbox.api(url, token=token)
netbox.http_session.verify = False

expect([vrf.name for vrf in netbox.ipam.vrfs.all()], ["Lab"], "VRFs")
lab = netbox.ipam.vrfs.get(name="Lab")
expect(netbox.ipam.vrfs.get(name="Elsewhere"), None, "a VRF that does not exist")
prefixes = list(netbox.ipam.prefixes.filter(prefix="192.0.2.0/29", vrf_id=lab.id))
expect([(str(prefix), prefix.vrf.name) for prefix in prefixes], [("192.0.2.0/29", "Lab")], "prefixes of the VRF")
free = [address.address for address in prefixes[0].available_ips.list()]
expect(free, [f"192.0.2.{last}/29" for last in range(1, 7)], "available addresses")

wanted = {"address": "192.0.2.3/29", "vrf": lab.id, "dns_name": "web.example.com", "description": "by pynetbox"}
created = netbox.ipam.ip_addresses.create(**wanted)
expect((created.address, created.vrf.name, created.dns_name), ("192.0.2.3/29", "Lab", "web.example.com"), "new address")
expect(created.status.value, "active", "status of the new address")
found = list(netbox.ipam.ip_addresses.filter(address="192.0.2.3", vrf_id=lab.id))
expect([address.id for address in found], [created.id], "addresses found")
inside = list(netbox.ipam.ip_addresses.filter(parent="192.0.2.0/29", vrf_id=lab.id))
expect([address.id for address in inside], [created.id], "addresses in the prefix")
expect(len(prefixes[0].available_ips.list()), 5, "available addresses after one was added")

expect(created.delete(), True, "deletion")
expect(netbox.ipam.ip_addresses.get(address="192.0.2.3", vrf_id=lab.id), None, "the deleted address")

stranger = pynetbox.api(url, token="0" * 40)
stranger.http_session.verify = False
error = refused(lambda: list(stranger.ipam.vrfs.all()), pynetbox.RequestError, "a wrong token")
expect(error.req.status_code, 403, "status for a wrong token")
