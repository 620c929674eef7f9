"""orionsdk against the simulated SolarWinds IPAM: solarwinds.py PORT USER PASSWORD"""

import sys

from checks import expect, refused
from orionsdk import SwisClient
from requests.exceptions import HTTPError

port, user, password = sys.argv[1:]
swis = SwisClient("127.0.0.1", user, password, port=int(port), verify=False)


def rows(query, **parameters):
    return swis.query(query, **parameters)["results"]


def verb(name, *arguments):
    return swis.invoke("IPAM.SubnetManagement", name, *arguments)


def node(address):
    columns = "IpNodeId, Status, MAC, DnsBackward, Comments, Uri"
    return rows(f"SELECT {columns} FROM IPAM.IPNode WHERE IPAddress = @ip AND SubnetId = @subnet", ip=address, subnet=subnet)


groups = rows("SELECT GroupId, FriendlyName FROM IPAM.GroupNode WHERE GroupType = 1 ORDER BY FriendlyName")
expect([group["FriendlyName"] for group in groups], ["Lab"], "hierarchy groups")
found = rows(
    "SELECT SubnetId, ParentId FROM IPAM.Subnet WHERE Address = @address AND CIDR = @cidr", address="192.0.2.0", cidr=29
)
expect([row["ParentId"] for row in found], [groups[0]["GroupId"]], "subnets of the prefix")
subnet = found[0]["SubnetId"]
free = rows("SELECT TOP 3 IPAddress FROM IPAM.IPNode WHERE SubnetId = @id AND Status = 2 ORDER BY IPOrdinal", id=subnet)
expect([row["IPAddress"] for row in free], ["192.0.2.1", "192.0.2.2", "192.0.2.3"], "available addresses")
expect(rows("SELECT SubnetId FROM IPAM.Subnet WHERE Address = @a", a="192.0.2.0' OR 1=1 --"), [], "what a quote finds")

expect(verb("GetFirstAvailableIp", "192.0.2.0", "29"), "192.0.2.1", "first available address")
expect(verb("StartIpReservation", "192.0.2.0", "29", 10, "192.0.2.2"), "192.0.2.2", "reserved address")
expect(verb("StartIpReservationForGroup", "192.0.2.0", "29", "Lab", 10, "192.0.2.2"), "192.0.2.3", "the next one")
expect(verb("CancelIpReservationForGroup", "192.0.2.3", "Lab"), None, "the end of a reservation")
expect(verb("FinishIpReservation", "192.0.2.2", "Reserved"), None, "a reservation that is finished")
error = refused(lambda: verb("FinishIpReservation", "192.0.2.3", "Reserved"), HTTPError, "a second finish")
expect("not started" in str(error), True, "the server's words in the library's error")

record = node("192.0.2.2")[0]
expect(record["Status"], 4, "status of the reserved address")
swis.update(record["Uri"], MAC="02:00:5E:00:53:AA", DnsBackward="web.example.com", Comments="by orionsdk")
record = swis.read(record["Uri"])
expect((record["DnsBackward"], record["Comments"]), ("web.example.com", "by orionsdk"), "the record by its uri")

expect(verb("ChangeIpStatus", "192.0.2.2", "Available"), None, "a deletion")
record = node("192.0.2.2")[0]
expect((record["Status"], record["Comments"]), (2, None), "the deleted address")

refused(lambda: swis.create("IPAM.IPNode", SubnetId=subnet, IPAddress="192.0.2.2"), HTTPError, "a second record")
swis.delete(record["Uri"])
uri = swis.create("IPAM.IPNode", SubnetId=subnet, IPAddress="192.0.2.2", Status="Reserved", Comments="a new record")
expect(swis.read(uri)["Comments"], "a new record", "the new record")
swis.bulkupdate([uri], Comments="changed at once")
expect(node("192.0.2.2")[0]["Comments"], "changed at once", "the changed record")
swis.bulkdelete([uri])
expect(node("192.0.2.2"), [], "the removed record")

refused(lambda: swis.query("SELECT x FROM IPAM.Nope"), HTTPError, "an entity that does not exist")
stranger = SwisClient("127.0.0.1", user, "another one", port=int(port), verify=False)
error = refused(lambda: stranger.query("SELECT GroupId FROM IPAM.GroupNode"), HTTPError, "a wrong password")
expect(error.response.status_code, 401, "status for a wrong password")
