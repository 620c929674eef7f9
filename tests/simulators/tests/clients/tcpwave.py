"""tcpwave-client against the simulated TCPWave: tcpwave.py HOST CERTIFICATE KEY OTHER-CERTIFICATE OTHER-KEY

The library has the port 7443 built in, shows a client certificate, and takes the name of the organization with each call.
"""

import json
import sys

import requests
from checks import expect, refused
from tcpwave_client import APICallFailedException, NetworkManager

host, certificate, key, other_certificate, other_key = sys.argv[1:]
provider = {"host": host, "cert": certificate, "key": key}


def call(name, /, **arguments):
    """Calls the library, which takes its arguments as JSON."""
    arguments = {"provider": provider, "organization_name": "Internal", **arguments}
    return getattr(NetworkManager, name)(json.dumps(arguments))


call("create_network", network_address="192.0.0.0/16", name="net")
networks = call("list_all_networks")
expect([(network["address"], network["mask_length"]) for network in networks], [("192.0.0.0", 16)], "networks")
expect(call("get_network_detail", network_address="192.0.0.0/16")["name"], "net", "name of the network")
error = refused(
    lambda: call("create_network", network_address="192.0.2.0/24", name="again"), APICallFailedException, "a network twice"
)
expect("TIMS-2007" in str(error), True, "number of the refusal")

expect(call("list_all_subnets", network_address="192.0.0.0/16"), [], "subnets of an empty network")
refused(lambda: call("get_subnet_detail", subnet_address="192.0.2.0/24"), APICallFailedException, "a subnet that does not exist")
# The library gives the network's address as the subnet's, with one mask for both.
call(
    "create_subnet", network_address="192.0.0.0/16", name="sub-a", primary_domain="example.com", router_address="192.0.0.1"
)
subnets = call("list_all_subnets", network_address="192.0.0.0/16")
expect([(known["fullAddress"], known["name"]) for known in subnets], [("192.0.0.0", "sub-a")], "subnets of the network")
expect(call("get_subnet_detail", subnet_address="192.0.0.0/16")["routerAddress"], "192.0.0.1", "router of the subnet")

expect(call("get_next_available_ip", subnet_address="192.0.0.0/16"), "192.0.0.2", "free address")
wanted = {"subnet_address": "192.0.0.0/16", "domain_name": "example.com", "mac": "02:00:5e:00:53:01"}
call("create_ip", ip_address="192.0.0.2", name="host two", **wanted)
expect(call("get_next_available_ip", subnet_address="192.0.0.0/16"), "192.0.0.3", "free address after one was added")
error = refused(
    lambda: call("create_ip", ip_address="192.0.0.2", name="host-three", **wanted), APICallFailedException, "an address twice"
)
expect("TIMS-" in str(error), True, "form of the refusal")
call("release_ip", ip_address="192.0.0.2")
expect(call("get_next_available_ip", subnet_address="192.0.0.0/16"), "192.0.0.2", "free address after the release")

call("delete_subnet", address_list=["192.0.0.0/16"])
call("delete_network", address="192.0.0.0")
expect(call("list_all_networks"), [], "networks in the end")

provider = {"host": host, "cert": other_certificate, "key": other_key}
refused(lambda: call("list_all_networks"), (APICallFailedException, requests.RequestException), "another certificate")
