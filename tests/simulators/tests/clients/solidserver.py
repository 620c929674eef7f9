"""SOLIDserverRest against the simulated SOLIDserver: solidserver.py URL USER PASSWORD TOKEN_ID TOKEN_SECRET

The space "lab" holds the networks "net-a" (192.0.2.0/29) and "net-six" (2001:db8::/64).
"""

import sys

from checks import expect, refused
from SOLIDserverRest import SOLIDserverRest
from SOLIDserverRest.Exception import SDSError
from SOLIDserverRest.adv import SDS, IpAddress, Network, Space

url, user, password, token_id, token_secret = sys.argv[1:]
host = url.removeprefix("https://")


def connected(method, secret=password):
    """The advanced layer; its setters refuse a port."""
    sds = SDS()
    sds.sds_ip = host
    if method == "token":
        sds.set_token_creds(token_id, token_secret)
    else:
        sds.set_credentials(user, secret)
    sds.connect(method=method, timeout=30)
    return sds


for method in ("basicauth", "native", "token"):
    expect(connected(method).get_version(), "8.4.0", f"version with {method}")

sds = connected("basicauth")
space = Space(sds=sds, name="lab")
space.refresh()
network = Network(sds=sds, space=space, name="net-a")
network.refresh()
expect((network.subnet_addr, network.subnet_prefix), ("192.0.2.0", 29), "address and prefix of the network")
expect(network.find_free_ip(4), [f"192.0.2.{last}" for last in range(1, 5)], "free addresses")

address = IpAddress(sds=sds, space=space, ipv4="192.0.2.3")
address.set_name("web")
address.set_mac("02:00:5E:00:53:AA")
address.create()
found = IpAddress(sds=sds, space=space, ipv4="192.0.2.3")
found.refresh()
expect((found.name, found.mac, found.myid), ("web", "02:00:5e:00:53:aa", address.myid), "the new address")
expect(network.find_free_ip(4), ["192.0.2.1", "192.0.2.2", "192.0.2.4", "192.0.2.5"], "free addresses after one was added")
second = IpAddress(sds=sds, space=space, ipv4="192.0.2.3")
refused(second.create, SDSError, "an address that is taken")
found.delete()
absent = IpAddress(sds=sds, space=space, ipv4="192.0.2.3")
refused(absent.refresh, SDSError, "an address that was deleted")

# The layer below: the services by their names, for IPv6 too.
rest = SOLIDserverRest(host)
rest.set_ssl_verify(False)
rest.use_native_sds(user, password)


def query(service, parameters, status):
    """The rows of an answer with this status."""
    answer = rest.query(service, parameters, timeout=30)
    expect(answer.status_code, status, f"status of {service} {parameters}")
    return answer.json() if answer.content else []


spaces = query("ip_site_list", {"limit": 100}, 200)
expect([row["site_name"] for row in spaces], ["lab", "it's"], "spaces")
expect(str(space.params["site_id"]), spaces[0]["site_id"], "id of the space")
quoted = query("ip_site_list", {"WHERE": "site_name='it''s'"}, 200)
expect([row["site_name"] for row in quoted], ["it's"], "a space with a quote in its name")
query("ip_site_list", {"WHERE": "site_name='elsewhere'"}, 204)
networks = query("ip_subnet6_list", {"WHERE": "site_name='lab' and is_terminal='1'"}, 200)
expect([(row["subnet6_name"], row["subnet6_prefix"]) for row in networks], [("net-six", "64")], "IPv6 networks")
subnet = {"subnet6_id": networks[0]["subnet6_id"], "max_find": 2}
free = query("ip_address6_find_free", subnet, 200)
expect(len(free), 2, "free IPv6 addresses")
new = {"site_name": "lab", "hostaddr": "2001:db8::9", "ip6_name": "six", "mac_addr": "02:00:5e:00:53:ab"}
created = query("ip_address6_create", new, 201)
condition = {"WHERE": "site_name='lab' and ip6_addr='20010db8000000000000000000000009'"}
[row] = query("ip_address6_list", condition, 200)
expect((row["ip6_id"], row["ip6_name"]), (created[0]["ret_oid"], "six"), "the new IPv6 address")
query("ip_address6_create", new, 400)
query("ip_address6_delete", {"ip6_id": row["ip6_id"]}, 200)
query("ip_address6_list", condition, 204)

refused(lambda: connected("native", "wrong"), SDSError, "a wrong password")
