"""Who asks (tokens), what they may do (roles), and how often they may guess."""
