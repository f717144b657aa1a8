"""Pages at ``/r/<id>``: a result for whoever has a link to it, without a kernel and without JavaScript."""
