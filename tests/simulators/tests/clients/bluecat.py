"""bluecat-libraries against the simulated Address Manager, over both APIs: bluecat.py URL USER PASSWORD CONFIGURATION

Over v1 the library takes verbs and names of parameters from the WADL that the simulator serves; bluecat_v1.py proves these.
"""

import sys

from bluecat_libraries.address_manager import api, apiv2
from bluecat_libraries.http_client import ErrorResponse
from checks import expect, refused

url, user, password, configuration_name = sys.argv[1:]


def over_v2():
    with apiv2.Client(url) as client:
        error = refused(lambda: client.http_get("/configurations"), apiv2.BAMV2ErrorResponse, "a request without a login")
        expect((error.status, error.code), (401, "InvalidAuthorizationCredentials"), "refusal without a login")
        refused(lambda: client.login(user, "wrong"), apiv2.BAMV2ErrorResponse, "a wrong password")
        client.login(user, password)
        expect((client.bam_version.major, client.bam_version.minor), (9, 5), "version")
        get = lambda path, **query: client.http_get(path, params=query)["data"]

        configurations = get("/configurations", fields="id,name")
        expect([row["name"] for row in configurations], [configuration_name], "configurations")
        networks = get("/networks", filter=f"configuration.name:'{configuration_name}' and range:'192.0.2.0/29'")
        expect([row["range"] for row in networks], ["192.0.2.0/29"], "networks")
        addresses = f"/networks/{networks[0]['id']}/addresses"
        free = get(addresses, filter="state:'UNASSIGNED'", limit=2)
        expect([row["address"] for row in free], ["192.0.2.1", "192.0.2.2"], "addresses that nobody has")

        comment = {"x-bcn-change-control-comment": "test"}
        mac = {"type": "MACAddress", "address": "02:00:5E:00:53:01"}
        new = {"type": "IPv4Address", "address": "192.0.2.1", "state": "STATIC", "name": "web", "macAddress": mac}
        added = client.http_post(addresses, json=new, headers=comment)
        expect((added["address"], added["state"]), ("192.0.2.1", "STATIC"), "address added")
        error = refused(lambda: client.http_post(addresses, json=new), apiv2.BAMV2ErrorResponse, "the same address again")
        expect((error.status, error.code), (409, "ResourceAlreadyExists"), "refusal of the same address")
        excluded = comment | {"x-bcn-excluded-addresses": "192.0.2.2-192.0.2.3"}
        following = client.http_post(addresses, json={"type": "IPv4Address", "state": "STATIC"}, headers=excluded)
        expect(following["address"], "192.0.2.4", "next address besides those excluded")

        found = get("/addresses", filter=f"address:'192.0.2.1' and configuration.id:{configurations[0]['id']}")
        expect([(row["id"], row["name"]) for row in found], [(added["id"], "web")], "address found")
        for row in (added, following):
            client.http_delete(f"/addresses/{row['id']}", headers=comment)
        expect(get(addresses), [], "addresses after the deletes")
        error = refused(lambda: client.http_get(f"/addresses/{added['id']}"), apiv2.BAMV2ErrorResponse, "a deleted address")
        expect(error.code, "ResourceNotFound", "refusal of a deleted address")
        client.logout()


def over_v1():
    with api.Client(url) as client:
        refused(lambda: client.login(user, "wrong"), ErrorResponse, "a wrong password")
        client.login(user, password)
        expect(client.system_version, "9.4.0", "version")
        configurations = client.get_entities(0, "Configuration")
        expect([entity["name"] for entity in configurations], [configuration_name], "configurations")
        configuration = client.get_entity_by_name(0, configuration_name, "Configuration")["id"]
        network = client.get_ip_ranged_by_ip(configuration, "192.0.2.0", "IP4Network")
        expect(network["properties"]["CIDR"], "192.0.2.0/29", "network")
        expect(client.get_next_ip4_address(network["id"], {"skip": "192.0.2.1-192.0.2.2"}), "192.0.2.3", "next address")

        added = client.assign_ip4_address(
            configuration, "192.0.2.1", "MAKE_STATIC", "02:00:5e:00:53:01", properties={"name": "a|b"}
        )
        error = refused(
            lambda: client.assign_ip4_address(configuration, "192.0.2.1", "MAKE_STATIC"), ErrorResponse, "the same address again"
        )
        expect("Duplicate of another item" in error.message, True, "text of the refusal")
        found = client.get_ip4_address(configuration, "192.0.2.1")
        expect(
            (found["id"], found["name"], found["properties"]["macAddress"], found["properties"]["state"]),
            (added, "a|b", "02-00-5E-00-53-01", "STATIC"),
            "address found",
        )
        expect([row["id"] for row in client.get_network_linked_properties(network["id"])], [added], "addresses in the network")
        expect(client.get_next_available_ip4_address(network["id"]), "192.0.2.2", "next available address")
        client.delete_entity(added)
        expect(client.get_ip4_address(configuration, "192.0.2.1"), None, "a deleted address")
        client.logout()


over_v2()
over_v1()
