"""phpypam against the simulated phpIPAM: phpipam.py URL APP USER PASSWORD SECTION"""

import sys

import phpypam
from checks import expect, refused
from phpypam.core.exceptions import PHPyPAMEntityNotFoundException, PHPyPAMException, PHPyPAMInvalidCredentials

url, app, user, password, section_name = sys.argv[1:]
phpipam = phpypam.api(url, app, username=user, password=password)

sections = phpipam.get_entity("sections")
expect([section["name"] for section in sections], [section_name], "sections")
section = phpipam.get_entity("sections", controller_path=section_name)
subnets = phpipam.get_entity("subnets", controller_path="cidr/192.0.2.0/29")
expect([(subnet["subnet"], str(subnet["mask"])) for subnet in subnets], [("192.0.2.0", "29")], "subnets")
expect(str(subnets[0]["sectionId"]), str(section["id"]), "section of the subnet")
subnet = subnets[0]["id"]
expect(phpipam.get_entity("subnets", controller_path=f"{subnet}/first_free"), "192.0.2.1", "first free address")

wanted = {"ip": "192.0.2.1", "subnetId": subnet, "hostname": "web.example.com", "description": "by phpypam"}
phpipam.create_entity("addresses", data=wanted)
refused(lambda: phpipam.create_entity("addresses", data=wanted), PHPyPAMException, "the same address again")
found = phpipam.get_entity("addresses", controller_path=f"192.0.2.1/{subnet}")
expect((found["ip"], found["hostname"]), ("192.0.2.1", "web.example.com"), "address found")
inside = phpipam.get_entity("subnets", controller_path=f"{subnet}/addresses")
expect([address["id"] for address in inside], [found["id"]], "addresses in the subnet")
expect(phpipam.get_entity("subnets", controller_path=f"{subnet}/first_free"), "192.0.2.2", "next free address")

phpipam.delete_entity("addresses", controller_path=found["id"])
refused(
    lambda: phpipam.get_entity("addresses", controller_path=f"192.0.2.1/{subnet}"),
    PHPyPAMEntityNotFoundException,
    "a look-up of the deleted address",
)

refused(lambda: phpypam.api(url, app, username=user, password="wrong"), PHPyPAMInvalidCredentials, "a wrong password")
