# Runge–Kutta orbit and its energy drift
#
# A planet on an ellipse of eccentricity 0.5, in units where GM = a = 1, so that one turn
# takes 2π. Fourth-order Runge–Kutta over a hundred turns; the energy ought to stay at -1/2.
acceleration(x, y) = (r3 = (x^2 + y^2)^1.5; (-x / r3, -y / r3))
energy(x, y, u, v) = (u^2 + v^2) / 2 - 1 / sqrt(x^2 + y^2)

function derivative(s)
    ax, ay = acceleration(s[1], s[2])
    return (s[3], s[4], ax, ay)
end

function step(s, h)
    k1 = derivative(s)
    k2 = derivative(s .+ h / 2 .* k1)
    k3 = derivative(s .+ h / 2 .* k2)
    k4 = derivative(s .+ h .* k3)
    return s .+ h / 6 .* (k1 .+ 2 .* k2 .+ 2 .* k3 .+ k4)
end

function fly(eccentricity, turns, steps_per_turn)
    s = (1 - eccentricity, 0.0, 0.0, sqrt((1 + eccentricity) / (1 - eccentricity)))
    start, drift = energy(s...), 0.0
    for turn in 1:turns
        for _ in 1:steps_per_turn
            s = step(s, 2π / steps_per_turn)
        end
        drift = max(drift, abs(energy(s...) / start - 1))
        progress(turn / turns, "turn $turn")
    end
    return s, drift
end

state, drift = fly(0.5, 100, 5000)
(energy_drift = drift, x = state[1], y = state[2])
