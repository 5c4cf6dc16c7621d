"""What the sandbox's fork server imports once, so that no child has to: the engine and all that it needs.

Nothing here computes: a child forked from a process that has meshed or cast rays could hang.
"""

import gc

import lxml.etree  # trimesh imports these two when it first sees a 3MF
import networkx
import numpy.ma  # numpy.unique imports it at its first use

import workers.part_facts
import workers.report.job
import workers.review
from workers.cad.binding import module, new_shape_map, static
from workers.engine_versions import engine_versions
from workers.rules.rule_book import PROCESSES, load_materials, load_rules, rules_digest

__all__ = ["lxml", "networkx", "numpy", "workers"]

_KERNEL_PACKAGES = (
    "BRep", "BRepAdaptor", "BRepBndLib", "BRepBuilderAPI", "BRepExtrema", "BRepGProp", "BRepLib", "BRepMesh",
    "BRepTools", "BinTools", "Bnd", "GCPnts", "GProp", "GeomAbs", "GeomAdaptor", "GeomConvert", "IFSelect",
    "IGESControl", "IntCurvesFace", "Quantity", "STEPCAFControl", "STEPControl", "ShapeAnalysis", "ShapeCustom",
    "TCollection", "TDF", "TDataStd", "TDocStd", "TopAbs", "TopExp", "TopLoc", "TopoDS", "XCAFApp", "XCAFDoc",
    "gp",
)  # fmt: skip

for _package in _KERNEL_PACKAGES:
    module(_package)
new_shape_map()  # OCP has its containers in a module of their own
engine_versions()
static("STEPCAFControl", "STEPCAFControl_Controller", "Init")()  # what the kernel knows of STEP; it starts no thread
for _process in PROCESSES:
    load_rules(_process, None)  # as a review asks: a cache tells this from the same without
    rules_digest(_process, None)
load_materials(None)
# What is here now lives as long as the fork server. A collection in a child would go through all of it, and copy
# its pages: 0.1 s at a time.
gc.collect()
gc.freeze()
