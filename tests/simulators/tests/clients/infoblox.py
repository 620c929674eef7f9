"""infoblox-client against the simulated grid: infoblox.py HOST:PORT USER PASSWORD"""

import sys

from checks import expect, refused
from infoblox_client import exceptions, objects
from infoblox_client.connector import Connector

host, user, password = sys.argv[1:]


def connect(password, **options):
    wanted = {"host": host, "username": user, "password": password, "ssl_verify": False, "silent_ssl_warnings": True}
    return Connector({**wanted, "wapi_version": "2.10", **options})


grid = connect(password)

views = objects.NetworkView.search_all(grid)
expect(sorted(view.name for view in views), ["Lab", "default"], "network views")
expect(objects.NetworkView.search(grid, name="Elsewhere"), None, "a network view that does not exist")

# Three networks in pages of one.
paged = connect(password, paging=True, max_results=1)
networks = paged.get_object("network", {"network_view": "Lab"}, paging=True)
expect([row["network"] for row in networks], ["192.0.2.0/29", "198.51.100.0/24", "203.0.113.0/24"], "networks in pages")
network = objects.Network.search(grid, cidr="192.0.2.0/29", network_view="Lab")
expect((network.network, network.network_view), ("192.0.2.0/29", "Lab"), "the network")
ipv6 = objects.Network.search(grid, cidr="2001:db8::/64", network_view="Lab")
expect(ipv6.network, "2001:db8::/64", "the network of IPv6")
expect(objects.Network.search(grid, cidr="10.0.0.0/8", network_view="Lab"), None, "a container, as a network")
container = objects.NetworkContainer.search(grid, cidr="10.0.0.0/8", network_view="Lab")
expect(container.network, "10.0.0.0/8", "the container")


def free(num, exclude=()):
    wanted = {"num": num, "exclude": list(exclude)}
    return grid.call_func("next_available_ip", network._ref, wanted)["ips"]


expect(free(2), ["192.0.2.1", "192.0.2.2"], "free addresses")
expect(free(2, ["192.0.2.2"]), ["192.0.2.1", "192.0.2.3"], "free addresses without those to leave out")

fixed = objects.FixedAddress.create(
    grid, ip="192.0.2.3", mac="02:00:5e:00:53:aa", network_view="Lab", name="web", comment="by infoblox-client"
)
expect((fixed.ip, fixed.mac, fixed.network_view), ("192.0.2.3", "02:00:5e:00:53:aa", "Lab"), "new fixed address")
error = refused(
    lambda: grid.create_object("fixedaddress", {"ipv4addr": "192.0.2.3", "network_view": "Lab", "mac": "02:00:5e:00:53:ab"}),
    exceptions.InfobloxCannotCreateObject,
    "an address that is taken",
)
expect(error.response["code"], "Client.Ibap.Data.Conflict", "code for an address that is taken")

address = objects.IPv4Address.search(grid, ip_address="192.0.2.3", network_view="Lab")
expect((address.status, address.types, address.mac_address), ("USED", ["FA"], "02:00:5e:00:53:aa"), "the address")
expect(objects.IPv4Address.search(grid, ip_address="192.0.2.4", network_view="Lab").status, "UNUSED", "a free address")

next_one = objects.IPAllocation.next_available_ip_from_cidr("Lab", "192.0.2.0/29")
reservation = objects.FixedAddress.create(grid, ip=next_one, mac="00:00:00:00:00:00", network_view="Lab")
expect(reservation.ip, "192.0.2.1", "the address that the grid chose")

at = objects.IP.create(ip="192.0.2.2", mac="02:00:5e:00:53:ac", configure_for_dhcp=True)
record = objects.HostRecord.create(grid, name="db", ip=at, configure_for_dns=False, network_view="Lab")
found = objects.HostRecord.search(grid, ip="192.0.2.2", network_view="Lab")
expect(found and found._ref, record._ref, "host record found")
expect(free(3), ["192.0.2.4", "192.0.2.5", "192.0.2.6"], "what is left")
error = refused(lambda: free(4), exceptions.InfobloxFuncException, "more than is left")
expect("Cannot find 4 available IP address(es)" in error.response["text"], True, "words for more than is left")

duid = "00:03:00:01:02:00:5e:00:53:aa"
fixed6 = grid.create_object("ipv6fixedaddress", {"ipv6addr": "2001:db8::5", "network_view": "Lab", "duid": duid})
found = grid.get_object("ipv6fixedaddress", {"ipv6addr": "2001:db8::5", "network_view": "Lab"}, ["duid", "ipv6addr"])
expect([(row["_ref"], row["duid"]) for row in found], [(fixed6, duid)], "fixed addresses of IPv6 found")

for reference in (fixed._ref, reservation._ref, record._ref, fixed6):
    expect(grid.delete_object(reference), reference, "deletion")
expect(free(1), ["192.0.2.1"], "free addresses after the deletions")
refused(lambda: grid.delete_object(fixed._ref), exceptions.InfobloxCannotDeleteObject, "a second deletion")

refused(lambda: connect("wrong").get_object("networkview"), exceptions.InfobloxBadWAPICredential, "a wrong password")
